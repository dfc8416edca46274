import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { CommandError } from '../control/control.ts'

/** What a data directory of ours holds in its marker file; raised when an older daemon could no longer read it. */
const FORMAT = 1
const MARKER = 'namestead.format'

/** Makes the data directory (mode 0700) or checks that it is ours, ours to write, and not of a newer daemon. Throws CommandError. */
export function openDataDir(path: string): void {
  try {
    makeDirectory(path)
    accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK)
  } catch (error) {
    throw new CommandError(`data_dir ${path} ${whyNot(error)}`)
  }
  const marker = join(path, MARKER)
  if (existsSync(marker)) checkFormat(path, readFileSync(marker, 'utf8'))
  else if (readdirSync(path).some(entry => entry !== LOST_AND_FOUND))
    throw new CommandError(
      `data_dir ${path} holds files that namestead did not make: give it an empty or new directory`,
    )
  else writeMarker(path, marker)
}

/** What a freshly made file system may hold at its root. */
const LOST_AND_FOUND = 'lost+found'

function writeMarker(path: string, marker: string): void {
  try {
    writeFileSync(marker, `${FORMAT}\n`, { mode: 0o600 })
  } catch (error) {
    // Half a marker would look like a damaged directory at the next start.
    rmSync(marker, { force: true })
    throw new CommandError(`data_dir ${path} ${whyNot(error)}`)
  }
}

/** Step by step: Node's own recursion never ends where a parent exists and yet nothing can be made in it, as below /proc. */
function makeDirectory(path: string): void {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) return
  makeDirectory(dirname(path))
  mkdirSync(path, { mode: 0o700 })
}

function checkFormat(path: string, text: string): void {
  const format = Number.parseInt(text, 10)
  if (Number.isNaN(format))
    throw new CommandError(`data_dir ${path}: its ${MARKER} can't be read; restore the directory from a backup`)
  if (format > FORMAT)
    throw new CommandError(
      `data_dir ${path} was written by a newer namestead (format ${format}, this one knows ${FORMAT}): run that version, or restore a backup of this one`,
    )
}

/** A failure of the system while we started in `path`, in words for who runs us; undefined where it is something else. */
export function diskFailure(path: string, error: unknown): CommandError | undefined {
  const { code } = error as NodeJS.ErrnoException
  return code === 'ENOSPC' || code === 'EDQUOT' || code === 'EROFS'
    ? new CommandError(`data_dir ${path} ${whyNot(error)}`)
    : undefined
}

function whyNot(error: unknown): string {
  switch ((error as NodeJS.ErrnoException).code) {
    case 'EROFS':
      return 'is on a read-only file system: mount it writable, or point data_dir elsewhere'
    case 'EACCES':
    case 'EPERM':
      return `can't be written by user ${process.getuid?.()}: chown it to the user that runs namestead, or point data_dir elsewhere`
    case 'ENOENT':
      return "can't be made there: point data_dir at a directory on a disk"
    case 'ENOTDIR':
    case 'EEXIST':
      return 'is not a directory: point data_dir elsewhere'
    case 'ENOSPC':
    case 'EDQUOT':
      return "can't be used, for the disk is full: make room and start again"
    default:
      return `can't be used: ${(error as Error).message}`
  }
}
