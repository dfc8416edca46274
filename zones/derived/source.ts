import type { Name } from '../../dns/name.ts'
import type { Holders } from '../holders.ts'
import type { Pipeline, Standing } from '../write/pipeline.ts'
import type { ZoneImage, ZoneVersion } from '../zone.ts'

/** A zone from which others are made. */
export interface SourceZone {
  readonly origin: Name
  /** What is served; undefined where there is nothing. */
  readonly image: ZoneImage | undefined
  /** Where its changes come from; undefined where it only ever has another image. */
  readonly pipeline: Pipeline | undefined
}

/** The source as the commit has it that is being put together; undefined where there is nothing. */
export function contentsOf(
  { image, pipeline }: SourceZone,
  standing: (pipeline: Pipeline) => Standing,
): { tip: ZoneVersion; holders: Holders | undefined } | undefined {
  return pipeline ? standing(pipeline) : image && { tip: image.latest(), holders: undefined }
}
