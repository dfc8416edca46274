import { createCounters } from '../metrics/metrics.ts'
import { createDescriptorBuffer } from './descriptors.ts'
import type { ServingThread } from './spawn-serving.ts'

/** One place among the threads; the thread in it may change. */
export interface Place {
  index: number
  counters: SharedArrayBuffer
  /** What the thread has opened beside its sockets. */
  descriptors: SharedArrayBuffer
  thread: ServingThread | undefined
  began: number
  crashes: number
  stopped: (() => void) | undefined
  /** Differences that the thread is sending, by the id that they were first asked for with. */
  differences: Map<number, Iterator<Uint8Array>>
}

export function createPlace(index: number): Place {
  return {
    index,
    counters: createCounters(),
    descriptors: createDescriptorBuffer(),
    thread: undefined,
    began: 0,
    crashes: 0,
    stopped: undefined,
    differences: new Map(),
  }
}

/** The number by which main holds locks of the resolver cache. */
export const MAIN_HOLDER = 1

/** The number by which a thread does. */
export function holderOf(index: number): number {
  return MAIN_HOLDER + 1 + index
}
