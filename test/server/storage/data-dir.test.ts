import { chmodSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { diskFailure, openDataDir } from '../../../server/storage/data-dir.ts'
import { scratchFolder } from '../../scratch.ts'

function folder(t: Test): string {
  const path = scratchFolder(t)
  t.teardown(() => chmodSync(path, 0o700))
  return path
}

t.test('a new directory is made for its owner alone, and opens again', async t => {
  const path = join(folder(t), 'a', 'b')
  openDataDir(path)
  t.equal(statSync(path).mode & 0o777, 0o700)
  t.doesNotThrow(() => openDataDir(path))
})

t.test('a directory with files of others is refused and left as it was', async t => {
  const path = folder(t)
  writeFileSync(join(path, 'thesis.odt'), '')
  t.throws(() => openDataDir(path), /holds files that namestead did not make: give it an empty or new directory/)
  t.strictSame(readdirSync(path), ['thesis.odt'])
})

t.test('a file system of its own is an empty directory', async t => {
  const path = folder(t)
  mkdirSync(join(path, 'lost+found'))
  t.doesNotThrow(() => openDataDir(path))
  t.strictSame(readdirSync(path).sort(), ['lost+found', 'namestead.format'])
})

t.test('a directory of a newer version is refused', async t => {
  const path = folder(t)
  writeFileSync(join(path, 'namestead.format'), '2\n')
  t.throws(() => openDataDir(path), /was written by a newer namestead \(format 2, this one knows 1\): run that version/)
})

t.test('a file is no directory', async t => {
  const path = join(folder(t), 'file')
  writeFileSync(path, '')
  t.throws(() => openDataDir(path), /is not a directory: point data_dir elsewhere/)
})

t.test('a directory that we may not write is refused', { skip: process.getuid?.() === 0 }, async t => {
  const path = folder(t)
  chmodSync(path, 0o500)
  t.throws(() => openDataDir(path), /can't be written by user/)
})

t.test('where no directory can be made', { skip: process.platform !== 'linux' }, async t => {
  t.throws(() => openDataDir('/proc/namestead/data'), /can't be made there: point data_dir at a directory on a disk/)
})

t.test('a disk that fills up while we start is called so, with the directory that lies there', async t => {
  const full = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' })
  t.equal(
    diskFailure('/data', full)?.message,
    "data_dir /data can't be used, for the disk is full: make room and start again",
  )
  t.equal(diskFailure('/data', new Error('something else')), undefined)
})
