import { link, mkdir, open, readdir, readFile, rename, stat, unlink } from 'node:fs/promises'
import { join } from 'node:path'

/** The CA's folder as an argument: one flat set of small text files, each whole or absent. */
export interface CaFiles {
  /** The text; undefined where there is no such file. */
  read(name: string): Promise<string | undefined>
  /** Makes a file that must not exist yet; once resolved, it survives a power cut. Never leaves half of it. */
  create(name: string, text: string, mode: number): Promise<void>
  /** The same, in place of what was there. */
  replace(name: string, text: string, mode: number): Promise<void>
  list(): Promise<string[]>
  /** Whether others than the owner may read the file. */
  isExposed(name: string): Promise<boolean>
}

const UNFINISHED = /^\..*\.new$/

/** Opens (and makes, mode 0700) the folder; what a crash left unfinished is removed. */
export async function openCaFiles(directory: string): Promise<CaFiles> {
  await mkdir(directory, { recursive: true, mode: 0o700 })
  for (const name of await readdir(directory)) if (UNFINISHED.test(name)) await unlink(join(directory, name))
  return {
    read: name => readIfThere(join(directory, name)),
    create: (name, text, mode) => write(directory, name, text, mode, linkNew),
    replace: (name, text, mode) => write(directory, name, text, mode, rename),
    list: () => readdir(directory),
    isExposed: async name => ((await stat(join(directory, name))).mode & 0o077) !== 0,
  }
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** Written and synced under another name, then given its own in one step, then the folder is synced. */
async function write(
  directory: string,
  name: string,
  text: string,
  mode: number,
  place: (from: string, to: string) => Promise<void>,
): Promise<void> {
  const unfinished = join(directory, `.${name}.new`)
  await unlink(unfinished).catch(() => {})
  const file = await open(unfinished, 'wx', mode)
  try {
    await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
  await place(unfinished, join(directory, name))
  await syncDirectory(directory)
}

/** File systems without hard links (SMB, some network volumes) answer link(2) with one of these. */
const NO_LINKS = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'])

/** Unlike rename(2), link(2) fails where the name is taken: a key is never overwritten. */
async function linkNew(from: string, to: string): Promise<void> {
  try {
    await link(from, to)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (!NO_LINKS.has(code ?? '') || (await readIfThere(to)) !== undefined) throw error
    // One daemon alone holds the data directory, so nobody makes the file in between.
    return rename(from, to)
  }
  await unlink(from)
}

async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
