import type { ZoneImage, ZoneVersion } from '../zone.ts'

const MOST = 16

/** The versions that one query has begun to read: it sees every zone as it was then, whatever is published meanwhile. */
export class Pins {
  /** The first `count` are pinned. */
  readonly versions: (ZoneVersion | undefined)[] = new Array(MOST).fill(undefined)
  count = 0
  /** More zones were read than are listed. */
  overflowed = false

  /** To be called before each query; keeps nothing alive that is no longer served. */
  clear(): void {
    while (this.count > 0) this.versions[--this.count] = undefined
    this.overflowed = false
  }

  pin(image: ZoneImage): ZoneVersion {
    for (let i = 0; i < this.count; i++) if (this.versions[i]!.image === image) return this.versions[i]!
    const version = image.latest()
    if (this.count < MOST) this.versions[this.count++] = version
    else this.overflowed = true
    return version
  }
}
