import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { ServingInit, ToMain, ToServing } from './messages.ts'
import { niceness, startNice } from './priorities.ts'

/** A serving thread as main sees it: a Worker, or in tests the same code inline. */
export interface ServingThread {
  postMessage(message: ToServing): void
  terminate(): unknown
}

/** Starts a thread. `onMessage` is called with all that it says, `onExit` once when it has ended, for whatever reason. */
export type SpawnThread = (
  init: ServingInit,
  onMessage: (message: ToMain) => void,
  onExit: (reason: string) => void,
) => ServingThread

/** Threads that read their code while it is being found out what they are to serve. */
export interface ThreadsAhead {
  /** Gives the next of them its work, or starts another. */
  spawn: SpawnThread
  /** Ends those that have got no work; there may be none. */
  end(): Promise<void>
}

/** Starts `count` threads that wait for their work. Those that come later are as nice as these, though whoever starts them yields by then. */
export function startAhead(count: number): ThreadsAhead {
  const nice = niceness()
  const start = () => startNice(nice, () => new WaitingThread())
  const waiting = Array.from({ length: count }, start)
  return {
    spawn: (init, onMessage, onExit) => (waiting.shift() ?? start()).begin(init, onMessage, onExit),
    async end() {
      await Promise.all(waiting.splice(0).map(({ worker }) => worker.terminate()))
    },
  }
}

/** A thread that has started, and serves nothing yet. */
class WaitingThread {
  readonly worker: Worker
  private reason = 'it exited'
  private exited = false
  private onExit: (reason: string) => void = () => {}

  constructor() {
    // The file has this file's extension: `.ts` in the repository, `.js` in the package.
    const file = new URL(`./serving-thread${extname(import.meta.url)}`, import.meta.url)
    this.worker = new Worker(file, { name: 'serving' })
    this.worker.on('error', error => {
      this.reason = error instanceof Error ? (error.stack ?? error.message) : String(error)
    })
    this.worker.on('exit', () => {
      this.exited = true
      this.onExit(this.reason)
    })
  }

  begin(init: ServingInit, onMessage: (message: ToMain) => void, onExit: (reason: string) => void): Worker {
    const { worker } = this
    this.onExit = onExit
    if (this.exited) queueMicrotask(() => onExit(this.reason))
    worker.on('message', onMessage)
    worker.postMessage(init)
    return worker
  }
}
