import { type ChildProcess, fork } from 'node:child_process'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Clock } from '../clock.ts'
import { CKR } from './codes.ts'
import { CryptokiError, type Module } from './cryptoki.ts'

/** A call, as it goes to the module's process. */
export interface ModuleRequest {
  call: keyof Module
  parameters: readonly unknown[]
}

/** What comes back: a value, or why there is none, with the return value (CKR) where the module gave one. */
export type ModuleReply = { value: unknown } | { message: string; returned?: number }

/** The process of a module, as we talk to it: one call at a time. */
export interface ModuleChannel {
  /** Ended, or found not to answer. */
  readonly lost: boolean
  /** Rejects with what the module answered; with CryptokiError, too, where the process ends at it or is ended because it gives no answer. */
  ask(request: ModuleRequest): Promise<unknown>
  end(): void
}

/** How long a call may take: a device may be far away; to make a key takes some of them minutes, as does an operator at a keypad. */
const PATIENCE_MS = 20_000
const LONG_PATIENCE_MS = 300_000
const LONG: ReadonlySet<keyof Module> = new Set(['login', 'generateKeyPair'])

/** Starts the process of the module at that path. It ends with ours, and keeps ours from ending only while it is asked something. */
export function startModule(path: string, clock: Clock): ModuleChannel {
  // The file has this file's extension: `.ts` in the repository, `.js` in the package.
  const file = fileURLToPath(new URL(`./module-process${extname(import.meta.url)}`, import.meta.url))
  // Modules are told by the environment where their configuration is. Structured clones carry handles and octets as they are.
  const child = fork(file, [path], {
    serialization: 'advanced',
    execArgv: [],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  return new ForkedModule(child, path, clock)
}

class ForkedModule implements ModuleChannel {
  private readonly child: ChildProcess
  private readonly path: string
  private readonly clock: Clock
  /** Why no call can be made any more. */
  private loss: CryptokiError | undefined
  private pending: { call: keyof Module; settle(answer: ModuleReply | CryptokiError): void } | undefined

  constructor(child: ChildProcess, path: string, clock: Clock) {
    this.child = child
    this.path = path
    this.clock = clock
    this.keepAlive(false)
    child.on('message', reply => this.pending?.settle(reply as ModuleReply))
    child.on('exit', (code, signal) => this.lose(`ended with ${signal ?? code}`, CKR.CRYPTOKI_NOT_INITIALIZED))
    child.on('error', ({ message }) => this.lose(`can't be run (${message})`, CKR.FUNCTION_FAILED))
  }

  get lost(): boolean {
    return this.loss !== undefined
  }

  async ask(request: ModuleRequest): Promise<unknown> {
    if (this.loss) throw this.loss
    const patience = LONG.has(request.call) ? LONG_PATIENCE_MS : PATIENCE_MS
    const over = this.clock.after(patience, () =>
      this.lose(`gave no answer in ${patience / 1000} s`, CKR.FUNCTION_FAILED),
    )
    this.keepAlive(true)
    const answer = await new Promise<ModuleReply | CryptokiError>(settle => {
      this.pending = { call: request.call, settle }
      this.child.send(request, error => {
        if (error) this.lose(`can't be reached (${error.message})`, CKR.CRYPTOKI_NOT_INITIALIZED)
      })
    })
    this.pending = undefined
    over.cancel()
    this.keepAlive(false)
    if (answer instanceof CryptokiError) throw answer
    if ('value' in answer) return answer.value
    throw answer.returned === undefined ? new Error(answer.message) : new CryptokiError(answer.message, answer.returned)
  }

  end(): void {
    this.lose('was ended', CKR.CRYPTOKI_NOT_INITIALIZED)
  }

  /** Whether our own process goes on for this one. */
  private keepAlive(yes: boolean): void {
    for (const handle of [this.child, this.child.channel]) yes ? handle?.ref() : handle?.unref()
  }

  private lose(what: string, value: number): void {
    if (this.loss) return
    const at = this.pending ? ` at ${this.pending.call}` : ''
    this.loss = new CryptokiError(`the PKCS#11 module ${this.path} ${what}${at}`, value)
    // One that hangs in a call hears nothing else.
    this.child.kill('SIGKILL')
    this.pending?.settle(this.loss)
  }
}
