import { type MessagePort, parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import type { Migration } from '../host/database.ts'
import { type Operation, type Outcome, SqliteStorage } from './sqlite.ts'

/** What the storage thread is started with. */
export interface StorageThreadData {
  file: string
  migrations: readonly Migration[]
}

/** Main → thread: an operation with its number, or the order to close. */
export type StorageRequest = { id: number; operation: Operation } | { close: true }

/** Thread → main. */
export type StorageReply =
  | { opened: true }
  | { refused: string }
  | { outcomes: { id: number; outcome: Outcome }[] }
  | { closed: true }

/** Operations executed under one sync, so that one reply never waits for thousands of others. */
const GROUP = 256

/** Executes what has arrived, in groups; what arrives meanwhile makes the next group. */
function run(port: MessagePort, { file, migrations }: StorageThreadData): void {
  let storage: SqliteStorage
  try {
    storage = new SqliteStorage(file, migrations)
  } catch (error) {
    port.postMessage({ refused: error instanceof Error ? error.message : String(error) } satisfies StorageReply)
    port.close()
    return
  }
  const close = () => {
    storage.close()
    port.postMessage({ closed: true } satisfies StorageReply)
    port.close()
  }
  port.on('message', (first: StorageRequest) => {
    const group: { id: number; operation: Operation }[] = []
    let closing = false
    for (
      let request: StorageRequest | undefined = first;
      request;
      request = group.length < GROUP ? next(port) : undefined
    ) {
      if ('close' in request) {
        closing = true
        break
      }
      group.push(request)
    }
    if (group.length > 0) {
      const outcomes = storage.execute(group.map(({ operation }) => operation))
      const reply = outcomes.map((outcome, i) => ({ id: group[i]!.id, outcome }))
      port.postMessage({ outcomes: reply } satisfies StorageReply)
    }
    if (closing) close()
  })
  port.postMessage({ opened: true } satisfies StorageReply)
}

function next(port: MessagePort): StorageRequest | undefined {
  return receiveMessageOnPort(port)?.message as StorageRequest | undefined
}

if (parentPort) run(parentPort, workerData as StorageThreadData)
