import type { ZoneConfig } from '../../config/schema.ts'
import type { Name } from '../../dns/name.ts'
import type { Clock } from '../../host/clock.ts'
import type { Log } from '../../host/log.ts'
import type { Random } from '../../host/random.ts'
import type { Tracer } from '../../host/tracer.ts'
import type { FileHistory } from '../history/file-history.ts'
import type { KeyRing, KeyRings } from '../keys/keys.ts'
import type { Overlay } from '../overlay/overlay.ts'
import type { ZoneStore } from '../store/store.ts'
import type { Follower } from '../write/pipeline.ts'
import type { Written, ZoneWriter } from '../write/writer.ts'
import type { ZoneImage } from '../zone.ts'
import type { ReadFile, ReadZone } from './file.ts'

/** What zones of type primary need of the daemon. */
export interface ZoneNeeds {
  store: ZoneStore
  clock: Clock
  log: Log
  /** Our own host name: MNAME and NS of a zone without a file. */
  serverName: Name
  readFile: ReadFile
  /** Reads whole zones; by default here. */
  readZone?: ReadZone
  /** Of zones that are signed here. */
  keyRings?: KeyRings
  random?: Random
  tracer?: Tracer
  /** Whether other threads make the signatures of many RRsets at once. */
  signAside?: boolean
}

/** What loading a zone needs. */
export interface LoadDependencies extends ZoneNeeds {
  /** The image served until now, whose generations a new one goes on from. */
  before?: ZoneImage | undefined
  /** What a zone that is its file was loaded as before. */
  earlier?: LoadedFile | undefined
  followers?: (() => readonly Follower[]) | undefined
  onReplaced?: (image: ZoneImage) => void
  onPublished?: (written: Written) => void
}

/** A zone in memory; a dynamic or signed one with its writer. */
export interface LoadedZone {
  /** As loaded; a writer has a newer one. */
  image: ZoneImage
  writer: ZoneWriter | undefined
  /** Of an overlay: what makes it follow its base. */
  overlay?: Overlay
  /** Of a zone that is signed here: its keys. */
  keyRing?: KeyRing | undefined
  /** Reads what changed in the file since it was last applied, and gives what applies it; what is odd goes to the log. Rejects with ZoneLoadError. */
  prepareFile(file: string | undefined, log: Log): Promise<() => Promise<void>>
  /** Of a zone that is its file: what can be told of it. */
  file?: LoadedFile
  /** What of the config it was loaded for: for another kind it is loaded again. */
  kind: string
  /** From now on it is served: signatures are made anew in time. */
  start(): void
  /** Takes no more changes, and resolves when those that were taken are on disk. */
  close(): Promise<void>
}

/** What of the config a loaded zone can't change. */
export function kindOf({ dynamic, dnssec, overlay_of: base, catalog_of: lists }: ZoneConfig): string {
  if (lists) return 'catalog'
  const overlay = base !== undefined
  return overlay || dynamic || dnssec?.sign ? JSON.stringify({ overlay, dynamic, dnssec }) : 'file'
}

/** A zone that is its file, as it was read. */
export interface LoadedFile {
  image: ZoneImage
  path: string
  digest: string
  history: FileHistory
}

/** Makes the image follow the one before in the generations that answers are checked by. */
export function continueFrom(image: ZoneImage, before: ZoneImage): void {
  image.succeed(before)
  image.publish(image.latest())
}
