import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'
import { StorageError } from '../../host/database.ts'
import { type NumberedOperation, OperationEncoder } from './statement-codec.ts'
import type { PackedOutcome, StorageReply, StorageRequest, StorageThreadData } from './storage-thread.ts'

/** Starts a storage thread. */
export type SpawnStorage = (data: StorageThreadData) => Worker

/** What a storage thread says. */
export interface StorageListener {
  /** What became of one batch. */
  onOutcomes(outcomes: readonly { id: number; outcome: PackedOutcome }[]): void
  /** It has ended: `reason` where it was not told to close. To be called once. */
  onEnded(reason: string | undefined): void
}

/** A copy that is being made. */
interface Copy {
  resolve(): void
  reject(error: Error): void
  progress(share: number): void
}

/** Main's end of one storage thread, from its start to its end. */
export class StorageLink {
  /** Rejects with StorageError where the thread can't open the file. */
  readonly opened: Promise<void>
  /** Batches sent and not answered. */
  underWay = 0
  /** Whether a batch has been answered. */
  proven = false
  private readonly worker: Worker
  /** Counts what was posted, for the thread to wait on. */
  private readonly posted = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT))
  /** Either end remembers texts, so that it begins anew with each thread. */
  private readonly encoder = new OperationEncoder()
  private closing = false
  /** Copies that are being made, by their files. */
  private readonly copies = new Map<string, Copy>()

  constructor(data: Omit<StorageThreadData, 'posted'>, listener: StorageListener, spawn: SpawnStorage = spawnStorage) {
    this.worker = spawn({ ...data, posted: this.posted.buffer as SharedArrayBuffer })
    const opened = Promise.withResolvers<void>()
    this.opened = opened.promise
    let reason = 'it exited'
    this.worker.on('message', (reply: StorageReply) => {
      if ('outcomes' in reply) {
        this.underWay--
        this.proven = true
        listener.onOutcomes(reply.outcomes)
      } else if ('copied' in reply) this.settleCopy(reply)
      else if ('opened' in reply) opened.resolve()
      else if ('refused' in reply) {
        reason = reply.refused
        opened.reject(new StorageError(reason))
      }
    })
    this.worker.on('error', (error: Error) => {
      reason = error.message
    })
    this.worker.on('exit', () => {
      opened.reject(new StorageError(`the storage thread failed: ${reason}`))
      for (const file of this.copies.keys()) this.settleCopy({ copied: file, failed: 'the database was closed' })
      listener.onEnded(this.closing ? undefined : reason)
    })
    // Whoever waits for the first thread hears of it; that a later one can't open the file is told by its end.
    this.opened.catch(() => {})
  }

  send(operations: readonly NumberedOperation[]): void {
    const batch = this.encoder.encode(operations)
    this.underWay++
    this.post({ batch }, [batch.octets.buffer])
  }

  /** Has the database copied into `file`, with all that was sent before. Rejects with StorageError. */
  copy(file: string, progress: (share: number) => void): Promise<void> {
    return new Promise((resolve, reject) => {
      this.copies.set(file, { resolve, reject, progress })
      this.post({ copy: file })
    })
  }

  private settleCopy(reply: Extract<StorageReply, { copied: string }>): void {
    const copy = this.copies.get(reply.copied)
    if ('share' in reply) {
      copy?.progress(reply.share)
      return
    }
    this.copies.delete(reply.copied)
    if (reply.failed === undefined) copy?.resolve()
    else copy?.reject(new StorageError(`the database could not be copied: ${reply.failed}`))
  }

  /** Lets it execute what was sent, close the file and end. */
  close(): void {
    this.closing = true
    this.post({ close: true })
  }

  private post(request: StorageRequest, transferred: readonly ArrayBuffer[] = []): void {
    this.worker.postMessage(request, transferred)
    Atomics.add(this.posted, 0, 1)
    Atomics.notify(this.posted, 0)
  }
}

/** A real thread. Its file has this file's extension: `.ts` in the repository, `.js` in the package. */
export const spawnStorage: SpawnStorage = workerData =>
  new Worker(new URL(`./storage-thread${extname(import.meta.url)}`, import.meta.url), { workerData, name: 'storage' })
