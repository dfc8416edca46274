import { randomBytes } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { access, open, readFile, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { PassThrough, Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import { create, extract } from 'tar'
import { type Decryption, DecryptionError, decrypt, type Encryption, encrypt, isEncrypted } from './encryption.ts'
import { checkFiles, MANIFEST, type Manifest, parseManifest } from './manifest.ts'

/** A file that is no backup, or not a whole one. */
export class ArchiveError extends Error {
  override name = 'ArchiveError'
  readonly code = 'archive'
}

/**
 * Packs the entries of a folder, in this order, into one file (tar, gzip, age) of mode 0600. It has its name only once it is whole and on disk;
 * what was there under that name is replaced then.
 */
export async function pack(
  folder: string,
  entries: readonly string[],
  file: string,
  encryption: Encryption,
): Promise<void> {
  const unfinished = `${file}.${randomBytes(4).toString('hex')}.partial`
  try {
    const plain = Readable.toWeb(tarOf(folder, entries)) as ReadableStream<Uint8Array>
    const sealed = await encrypt(plain, encryption)
    await pipeline(
      Readable.fromWeb(sealed as never),
      createWriteStream(unfinished, { mode: 0o600, flags: 'wx', flush: true }),
    )
    await rename(unfinished, file)
    await syncFolder(dirname(file))
  } catch (error) {
    await rm(unfinished, { force: true })
    throw error
  }
}

function tarOf(folder: string, entries: readonly string[]): Readable {
  const piped = new PassThrough()
  const packed = create({ cwd: folder, gzip: { level: 6 }, portable: true, strict: true }, [...entries])
  // An error does not come along a pipe by itself.
  packed.on('error', error => piped.destroy(error as Error))
  packed.pipe(piped)
  return piped
}

/**
 * Unpacks a backup into an empty folder and compares every file with the manifest. Rejects with ArchiveError or DecryptionError where anything
 * is amiss; what is in the folder then is worth nothing.
 */
export async function unpack(file: string, folder: string, decryption: Decryption): Promise<Manifest> {
  try {
    await pipeline(
      await openArchive(file, decryption),
      createGunzip(),
      extract({ cwd: folder, strict: true, filter: isPlain }),
    )
  } catch (error) {
    if (error instanceof DecryptionError || error instanceof ArchiveError) throw error
    throw new ArchiveError(`${file} is not a whole backup: ${(error as Error).message}`)
  }
  const manifest = await readManifest(file, folder)
  const wrong = await checkFiles(folder, manifest)
  if (wrong.length > 0) throw new ArchiveError(`${file} is damaged: ${wrong.join(', ')}`)
  return manifest
}

/** Nothing but files and folders is ever packed. */
function isPlain(_path: string, entry: object): boolean {
  const { type } = entry as { type?: string }
  return type === 'File' || type === 'OldFile' || type === 'Directory'
}

async function openArchive(file: string, decryption: Decryption): Promise<Readable> {
  const handle = await open(file).catch(error =>
    Promise.reject(new ArchiveError(`${file} can't be read: ${error.message}`)),
  )
  const beginning = Buffer.alloc(64)
  await handle.read(beginning, 0, 64, 0)
  await handle.close()
  const stream = createReadStream(file)
  if (isEncrypted(beginning)) {
    const plain = await decrypt(Readable.toWeb(stream) as ReadableStream<Uint8Array>, decryption)
    return Readable.fromWeb(plain as never)
  }
  if (beginning[0] === 0x1f && beginning[1] === 0x8b) return stream
  stream.destroy()
  throw new ArchiveError(`${file} is not a backup of namestead`)
}

async function readManifest(file: string, folder: string): Promise<Manifest> {
  const path = join(folder, MANIFEST)
  await access(path).catch(() => {
    throw new ArchiveError(`${file} is not a whole backup: its end is missing`)
  })
  try {
    return parseManifest(await readFile(path, 'utf8'))
  } catch (error) {
    throw new ArchiveError(`${file}: ${(error as Error).message}`)
  }
}

/** Makes renames in a folder survive a power cut. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
