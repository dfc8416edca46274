import { printName } from '../../dns/name.ts'
import type { Log } from '../../host/log.ts'
import { WORTH_KEEPING } from '../store/images.ts'
import type { ZoneStore } from '../store/store.ts'
import type { ZoneImage } from '../zone.ts'

/** A zone whose image is kept on disk. */
export interface KeptZone {
  /** In the store. */
  zone: number
  /** What is committed: the revision, and the image whose latest version shows it. */
  current(): { revision: number; image: ZoneImage }
  store: Pick<ZoneStore, 'images'>
  log: Log
}

/** Changes that the journal may have beyond a kept image: fewer than would take longer than to keep it. */
const LEAST_BEHIND = 10_000
/** The same as a share of the zone's records. */
const SHARE_BEHIND = 1 / 20

/** Keeps the image of one dynamic zone on disk near to what the zone is, for the next start. */
export class ImageKeeper {
  private readonly kept: KeptZone
  /** The revision of the image on disk; before all others where there is none. */
  private revision: number
  private writing: Promise<void> | undefined

  /** `revision` is that of the image on disk. */
  constructor(kept: KeptZone, revision = Number.NEGATIVE_INFINITY) {
    this.kept = kept
    this.revision = revision
  }

  /** To be called after each change: keeps the image when the journal has got long. */
  changed(): void {
    const { revision, image } = this.kept.current()
    const behind = revision - Math.max(this.revision, 0)
    if (behind >= LEAST_BEHIND && behind >= image.latest().size() * SHARE_BEHIND) void this.keep()
  }

  /** Keeps the image as it is now, where that is worth it and is not done; what fails is logged and costs the next start its time. */
  keep(): Promise<void> {
    this.writing ??= this.write().finally(() => {
      this.writing = undefined
    })
    return this.writing
  }

  /** When nothing changes any more. */
  async close(): Promise<void> {
    await this.writing
    await this.keep()
  }

  private async write(): Promise<void> {
    const { zone, current, store, log } = this.kept
    const { revision, image } = current()
    const version = image.latest()
    if (revision === this.revision || version.size() < WORTH_KEEPING) return
    try {
      await store.images.keep(zone, revision, version)
      this.revision = revision
    } catch (error) {
      log.warn(
        { zone: printName(image.origin), reason: (error as Error).message },
        'the image of the zone could not be kept: the next start reads its records one by one',
      )
    }
  }
}
