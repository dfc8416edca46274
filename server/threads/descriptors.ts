import type { Libc } from '../listen/libc.ts'

/** Descriptors that a thread may have opened at a time. */
const MOST = 4096

/** Memory for the descriptors of one thread. */
export function createDescriptorBuffer(): SharedArrayBuffer {
  return new SharedArrayBuffer(MOST * Int32Array.BYTES_PER_ELEMENT)
}

/**
 * The descriptors that a thread has opened by system calls: Node knows nothing of them, and would leave them open were the thread ended from
 * outside. They are noted in shared memory, for main to close then.
 */
export class Descriptors {
  /** Each descriptor plus one; 0 is a free place. Written by the thread alone while it lives. */
  private readonly places: Int32Array
  private readonly free: number[]
  private readonly placeOf = new Map<number, number>()

  constructor(buffer: SharedArrayBuffer) {
    this.places = new Int32Array(buffer)
    this.free = Array.from(this.places, (_, i) => i)
  }

  /** Whether there is room for another. */
  get hasRoom(): boolean {
    return this.free.length > 0
  }

  /** Notes a descriptor that was just opened; there must be room. */
  opened(fd: number): void {
    const place = this.free.pop()!
    this.placeOf.set(fd, place)
    Atomics.store(this.places, place, fd + 1)
  }

  /** To be called before it is closed: its number may be another's right after. */
  closing(fd: number): void {
    const place = this.placeOf.get(fd)!
    this.placeOf.delete(fd)
    Atomics.store(this.places, place, 0)
    this.free.push(place)
  }
}

/** Closes what a thread that has ended left open. */
export function closeLeft(buffer: SharedArrayBuffer, libc: Libc): void {
  const places = new Int32Array(buffer)
  for (const [i, place] of places.entries()) {
    if (place === 0) continue
    libc.close(place - 1)
    places[i] = 0
  }
}
