import { setPriority } from 'node:os'

/** Niceness: of a core that is fought for, a serving thread gets three times as much. */
const YIELDING = 5

/**
 * Lets the calling thread, and threads that it starts from now on, yield to those that serve. On Linux alone, where niceness is a thread's own; elsewhere
 * it is of the whole process, and all stays as it is. Without privilege there is no way back: a serving thread that replaces another yields too.
 */
export function yieldToServing(): void {
  if (process.platform !== 'linux') return
  try {
    setPriority(YIELDING)
  } catch {
    // Nicer already.
  }
}
