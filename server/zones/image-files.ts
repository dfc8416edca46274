import { type FileHandle, mkdir, open, readdir, rename, unlink } from 'node:fs/promises'
import { endianness } from 'node:os'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import type { ImageFiles } from '../../zones/store/images.ts'
import { ZoneImage, type ZoneVersion } from '../../zones/zone.ts'

/** Octets before the image, with what is known of it as JSON. */
const HEAD = 1024
/** Octets read or written in one turn. */
const PART = 1 << 20
const UNFINISHED = /\.new$/
const FILE = /^[0-9a-f]{12}$/

/** What the head of a file says. */
interface Head {
  /** Raised when an older daemon would misread the file; the image has a number of its own. */
  format: 1
  /** An image is words of this machine. */
  endianness: string
  of: string
  octets: number
  crc: number
}

/** Images in a folder, and those files in it that are no zone's any more. */
export interface ImageFolder extends ImageFiles {
  /** Removes the files that nobody has asked for or written since the folder was opened. */
  sweep(): Promise<void>
}

/** Opens (and makes, mode 0700) the folder; what a crash left unfinished is removed. */
export async function openImageFiles(directory: string): Promise<ImageFolder> {
  await mkdir(directory, { recursive: true, mode: 0o700 })
  for (const name of await readdir(directory)) if (UNFINISHED.test(name)) await unlink(join(directory, name))
  const used = new Set<string>()
  return {
    async read(name, of, checksum) {
      used.add(name)
      const file = await open(join(directory, name)).catch(() => undefined)
      try {
        return file && (await readImage(file, of, checksum))
      } finally {
        await file?.close()
      }
    },
    async write(name, of, version) {
      used.add(name)
      const path = join(directory, name)
      const file = await open(`${path}.new`, 'w', 0o600)
      try {
        const checksum = await writeImage(file, of, version)
        await file.sync()
        await rename(`${path}.new`, path)
        return checksum
      } finally {
        await file.close()
      }
    },
    async sweep() {
      for (const name of await readdir(directory))
        if (FILE.test(name) && !used.has(name)) await unlink(join(directory, name))
    },
  }
}

async function readImage(file: FileHandle, of: string, checksum: string | undefined): Promise<ZoneImage | undefined> {
  const head = await readHead(file)
  if (head?.of !== of || (checksum !== undefined && checksumOf(head) !== checksum)) return undefined
  const { octets } = head
  const buffer = ZoneImage.roomForKept(octets)
  const into = new Uint8Array(buffer)
  let crc = 0
  for (let at = 0; at < octets; ) {
    const { bytesRead } = await file.read(into, at, Math.min(PART, octets - at), HEAD + at)
    if (bytesRead === 0) return undefined
    crc = crc32(into.subarray(at, at + bytesRead), crc)
    at += bytesRead
  }
  return crc === head.crc ? imageIn(buffer, octets) : undefined
}

/** Undefined where the memory has another layout. */
function imageIn(buffer: SharedArrayBuffer, octets: number): ZoneImage | undefined {
  try {
    return ZoneImage.adopt(buffer, octets)
  } catch {
    return undefined
  }
}

async function readHead(file: FileHandle): Promise<Head | undefined> {
  const text = Buffer.alloc(HEAD)
  const [{ bytesRead }, { size }] = [await file.read(text, 0, HEAD, 0), await file.stat()]
  if (bytesRead < HEAD) return undefined
  try {
    const head = JSON.parse(text.toString('latin1')) as Head
    const ours = head.format === 1 && head.endianness === endianness()
    return ours && head.octets % 4 === 0 && size === HEAD + head.octets ? head : undefined
  } catch {
    return undefined
  }
}

async function writeImage(file: FileHandle, of: string, version: ZoneVersion): Promise<string> {
  const { head: first, rest } = version.kept()
  let crc = 0
  let octets = 0
  const write = async (part: Uint8Array) => {
    crc = crc32(part, crc)
    await file.write(part, 0, part.length, HEAD + octets)
    octets += part.length
  }
  await write(first)
  // A copy of each part: behind the version lies what is no version yet, and may be taken back.
  const copy = new Uint8Array(PART)
  for (let at = 0; at < rest.length; at += PART) {
    const part = rest.subarray(at, at + PART)
    copy.set(part)
    await write(copy.subarray(0, part.length))
  }
  const head: Head = { format: 1, endianness: endianness(), of, octets, crc }
  await file.write(Buffer.from(JSON.stringify(head).padEnd(HEAD), 'latin1'), 0, HEAD, 0)
  return checksumOf(head)
}

function checksumOf({ octets, crc }: Head): string {
  return `${octets} ${crc}`
}
