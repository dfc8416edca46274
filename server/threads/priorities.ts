import { getPriority, setPriority } from 'node:os'
import type { Libc } from '../listen/libc.ts'

/** Niceness: of a core that is fought for, a serving thread gets three times as much. */
const YIELDING = 5
/** The numbers of Linux on x64 and arm64 (asm-generic). */
const RLIMIT_NICE = 13
const RLIMIT_RTPRIO = 14
const SCHED_OTHER = 0
const SCHED_RR = 2
/** Threads that a thread starts are as others: SCHED_RESET_ON_FORK of sched_setscheduler(2). */
const RESET_ON_FORK = 0x40000000
/** The least of the real-time priorities. */
const LEAST = 1
/** What getrlimit(2) counts niceness down from. */
const LEAST_NICE = 20

/**
 * Lets the calling thread, and threads that it starts from now on, yield to those that serve. On Linux alone, where niceness is a thread's own; elsewhere
 * it is of the whole process, and all stays as it is.
 */
export function yieldToServing(): void {
  if (process.platform === 'linux') tryNiceness(YIELDING)
}

/** The niceness of the calling thread. */
export function niceness(): number {
  return getPriority()
}

/** Starts a thread with this niceness, whatever the calling thread's, where the system permits it: a new thread has that of the one that starts it. */
export function startNice<Thread>(nice: number, start: () => Thread): Thread {
  const own = niceness()
  const changed = process.platform === 'linux' && own !== nice && tryNiceness(nice)
  try {
    return start()
  } finally {
    if (changed) tryNiceness(own)
  }
}

function tryNiceness(nice: number): boolean {
  try {
    setPriority(nice)
    return true
  } catch {
    // Without privilege it can only grow.
    return false
  }
}

/**
 * Where we are root: lets the process go back to the niceness that it has now, and threads go first, after it has become another user. For
 * threads that replace others.
 */
export function keepPriorities(libc: Libc | undefined): void {
  if (process.getuid?.() !== 0) return
  for (const [resource, most] of [
    [RLIMIT_NICE, LEAST_NICE - niceness()],
    [RLIMIT_RTPRIO, LEAST],
  ] as const)
    libc?.prlimit(0, resource, new Uint8Array(BigUint64Array.of(BigInt(most), BigInt(most)).buffer), null)
}

/** Has the calling thread run before all others whenever it has something to do (SCHED_RR, sched(7)); false where the system forbids it. */
export function goFirst(libc: Libc | undefined): boolean {
  return schedule(libc, SCHED_RR, LEAST)
}

/** Has the calling thread run by its niceness again, as others do; false where the system forbids it. */
export function goWithOthers(libc: Libc | undefined): boolean {
  return schedule(libc, SCHED_OTHER, 0)
}

function schedule(libc: Libc | undefined, policy: number, priority: number): boolean {
  // Without privilege the flag can not be taken away again.
  return libc?.sched_setscheduler(0, policy | RESET_ON_FORK, new Uint8Array(Int32Array.of(priority).buffer)) === 0
}
