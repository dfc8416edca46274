import { isAscii } from 'node:buffer'
import { createHash } from 'node:crypto'
import { type FileHandle, open } from 'node:fs/promises'

/** Octets read in one turn. */
const PART = 1 << 20
const DIRECTIVE = Buffer.from('$include')

/**
 * The digest that `digestOfFile` of zones/file/file.ts gives, a part at a time, so that a large file takes neither its size of memory nor a turn of
 * its length. Undefined where it includes others, or is not plain ASCII, or can't be read: then it is for whoever reads it whole.
 */
export async function digestOfLargeFile(path: string): Promise<string | undefined> {
  let file: FileHandle | undefined
  try {
    file = await open(path)
    return await digestOf(file)
  } catch {
    return undefined
  } finally {
    await file?.close()
  }
}

async function digestOf(file: FileHandle): Promise<string | undefined> {
  const { size } = await file.stat()
  const digest = createHash('sha256').update(`${size}:`)
  /** Before each part stands the end of the one before, lest a directive be cut in two. */
  const buffer = Buffer.alloc(DIRECTIVE.length + PART, '\n')
  for (let at = 0; at < size; ) {
    const { bytesRead } = await file.read(buffer, DIRECTIVE.length, PART, at)
    const part = buffer.subarray(DIRECTIVE.length, DIRECTIVE.length + bytesRead)
    const seen = buffer.subarray(0, DIRECTIVE.length + bytesRead)
    if (bytesRead === 0 || !isAscii(part) || mayInclude(seen)) return undefined
    digest.update(part)
    at += bytesRead
    buffer.copy(buffer, 0, seen.length - DIRECTIVE.length, seen.length)
  }
  return digest.digest('hex')
}

/** Whether $INCLUDE stands there, in whatever case and wherever in a line. */
function mayInclude(text: Buffer): boolean {
  for (let at = text.indexOf(0x24); at >= 0; at = text.indexOf(0x24, at + 1))
    if (text.toString('latin1', at, at + DIRECTIVE.length).toLowerCase() === '$include') return true
  return false
}
