import type { SignedSet } from './rrsets.ts'

/** An NSEC or NSEC3 RRset, and until when it holds, in milliseconds since 1970. */
export interface Dated {
  set: SignedSet
  until: number
}

/** The range of names, or hashes, that such a record denies: what lies between `start` and `end`. */
export interface Range<Point> extends Dated {
  start: Point
  end: Point
}

/** Ranges in the order of their starts, found by what they begin before. Those that overlap a newer one are dropped: the zone has changed. */
export class SortedRanges<Point> {
  /** The last that was inserted. */
  newest: Range<Point> | undefined
  private readonly ranges: Range<Point>[] = []
  private readonly compare: (a: Point, b: Point) => number
  private readonly most: number

  constructor(compare: (a: Point, b: Point) => number, most: number) {
    this.compare = compare
    this.most = most
  }

  insert(range: Range<Point>): void {
    let from = this.after(range.start)
    const before = this.ranges[from - 1]
    if (before && (this.compare(before.start, range.start) === 0 || this.isInside(range.start, before))) from--
    let to = from
    while (to < this.ranges.length && this.overlaps(this.ranges[to]!, range)) to++
    this.ranges.splice(from, to - from, range)
    this.newest = range
    if (this.ranges.length > this.most) this.ranges.splice(from === 0 ? 1 : 0, 1)
  }

  /** The range that begins last at or before the point. */
  floor(point: Point, now: number): Range<Point> | undefined {
    return this.current(this.after(point) - 1, now)
  }

  /** The last of all: where the order is a circle, it goes on to the first. */
  last(now: number): Range<Point> | undefined {
    return this.current(this.ranges.length - 1, now)
  }

  private current(index: number, now: number): Range<Point> | undefined {
    const range = this.ranges[index]
    return range && now < range.until ? range : undefined
  }

  private overlaps(old: Range<Point>, range: Range<Point>): boolean {
    if (this.compare(old.start, range.start) <= 0) return true
    return this.isInside(old.start, range)
  }

  /** Whether the point lies strictly inside; a range whose end is not after its start goes on to the end of the circle. */
  private isInside(point: Point, { start, end }: Range<Point>): boolean {
    if (this.compare(point, start) <= 0) return false
    return this.compare(end, start) <= 0 || this.compare(point, end) < 0
  }

  /** How many ranges begin at or before the point. */
  private after(point: Point): number {
    let [low, high] = [0, this.ranges.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.compare(this.ranges[middle]!.start, point) <= 0) low = middle + 1
      else high = middle
    }
    return low
  }
}
