import type { Outcome } from './routes/route.ts'

/** A question that is being asked upstream, once for all who wait for it. */
export class Flight {
  readonly key: string
  readonly bucket: number
  /** The next one of its bucket; the table's own. */
  next: Flight | undefined
  private readonly waiting: ((outcome: Outcome) => void)[] = []

  constructor(key: string) {
    this.key = key
    this.bucket = bucketOf(key)
  }

  /** Calls back when it has landed. */
  wait(landed: (outcome: Outcome) => void): void {
    this.waiting.push(landed)
  }

  /** Tells all who wait. */
  land(outcome: Outcome): void {
    for (const landed of this.waiting) landed(outcome)
  }
}

const BUCKETS = 1024

/**
 * The questions that are under way, by key (`questionKey`). Not a Map: thousands come and go in a second, and the tables that a Map leaves behind when it
 * makes room hold what was in them until all of the heap is collected.
 */
export class Flights {
  private readonly buckets: (Flight | undefined)[] = Array.from({ length: BUCKETS }, () => undefined)

  get(key: string): Flight | undefined {
    let flight = this.buckets[bucketOf(key)]
    while (flight && flight.key !== key) flight = flight.next
    return flight
  }

  /** Adds a flight whose key has none. */
  add(flight: Flight): void {
    flight.next = this.buckets[flight.bucket]
    this.buckets[flight.bucket] = flight
  }

  delete(flight: Flight): void {
    const { bucket, next } = flight
    flight.next = undefined
    let before = this.buckets[bucket]
    if (before === flight) this.buckets[bucket] = next
    while (before && before.next !== flight) before = before.next
    if (before) before.next = next
  }
}

function bucketOf(key: string): number {
  let hash = 0
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193)
  return (hash ^ (hash >>> 15)) & (BUCKETS - 1)
}
