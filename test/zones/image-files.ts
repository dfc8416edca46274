import type { ImageFiles } from '../../zones/store/images.ts'
import { ZoneImage } from '../../zones/zone.ts'

/** Files in memory; the checksum counts what was written. */
export class MemoryFiles implements ImageFiles {
  readonly files = new Map<string, { of: string; checksum: string; octets: Uint8Array }>()
  private written = 0

  async read(name: string, of: string, checksum?: string) {
    const file = this.files.get(name)
    if (file?.of !== of || (checksum !== undefined && file.checksum !== checksum)) return undefined
    const buffer = ZoneImage.roomForKept(file.octets.length)
    new Uint8Array(buffer).set(file.octets)
    return ZoneImage.adopt(buffer, file.octets.length)
  }

  async write(name: string, of: string, version: ReturnType<ZoneImage['latest']>) {
    const { head, rest } = version.kept()
    const checksum = String(++this.written)
    this.files.set(name, { of, checksum, octets: Buffer.concat([head, rest]) })
    return checksum
  }
}
