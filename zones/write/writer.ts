import type { ResourceRecord } from '../../dns/record.ts'
import type { Holders } from '../holders.ts'
import { ImageKeeper } from '../image/image-keeper.ts'
import type { ZoneImage, ZoneVersion } from '../zone.ts'
import { type Actor, commitTogether } from './commit.ts'
import { type Decision, Pipeline, type PipelineOptions, type Written } from './pipeline.ts'

export type { Actor } from './commit.ts'
export type { Decision, Written } from './pipeline.ts'

export interface WriterOptions extends PipelineOptions {
  /** The revision of the zone's image on disk; undefined where there is none. */
  kept?: number | undefined
}

/**
 * The one door by which a dynamic zone changes. A change is decided on the newest version, put on top of it, committed, published, and
 * only then answered. Changes need not wait for each other's disk: the next is decided on a version that is not committed yet, and
 * fails with it. Whatever the disk then holds is read back before anything else is decided.
 */
export class ZoneWriter {
  readonly pipeline: Pipeline
  private readonly keeper: ImageKeeper

  constructor({ kept, ...options }: WriterOptions) {
    const pipeline: Pipeline = new Pipeline({
      ...options,
      onPublished: written => {
        this.keeper.changed()
        options.onPublished?.(written)
      },
    })
    this.pipeline = pipeline
    this.keeper = new ImageKeeper({ ...options, current: () => pipeline }, kept)
  }

  /** The zone in the store. */
  get zone(): number {
    return this.pipeline.options.zone
  }

  /** The image that shows what is committed. */
  get image(): ZoneImage {
    return this.pipeline.image
  }

  /** The key that added the record, as of the newest version. */
  holderOf(record: ResourceRecord): string | undefined {
    return this.pipeline.holders.of(record)
  }

  /**
   * Decides on the newest version, and resolves once the outcome is on disk and published. What `decide` throws is thrown here, once
   * what it saw is on disk; where the disk fails it is SERVFAIL, and the zone is as it was.
   */
  async write(actor: Actor, decide: (tip: ZoneVersion, holders: Holders) => Decision): Promise<Written> {
    const [written] = await commitTogether(actor, [{ pipeline: this.pipeline, decide }])
    return written!
  }

  /** Sees to it that the next start finds the zone's image; nobody waits for it. */
  keepImage(): void {
    void this.keeper.keep()
  }

  /** Takes no more changes, and resolves when those that were taken are settled and the next start finds them. */
  async close(): Promise<void> {
    this.pipeline.closed = true
    await this.pipeline.idle()
    await this.keeper.close()
  }
}

/** The same for several zones: all of them, or none. */
export function writeTogether(
  actor: Actor,
  parts: readonly { writer: ZoneWriter; decide: (tip: ZoneVersion, holders: Holders) => Decision }[],
): Promise<Written[]> {
  return commitTogether(
    actor,
    parts.map(({ writer, decide }) => ({ pipeline: writer.pipeline, decide })),
  )
}
