import { appendFileSync, existsSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { openImageFiles } from '../../../server/zones/image-files.ts'
import { recordsOfVersion } from '../../../zones/history/baseline.ts'
import { ZoneImage } from '../../../zones/zone.ts'
import { lines, NS, ORIGIN, record, records, SOA } from '../../zones/lines.ts'

const NAME = '0123456789ab'
const OF = 'revision 7'

/** A folder with the image of a zone of many parts. */
async function kept(t: Test) {
  const folder = join(t.testdir(), 'images')
  const files = await openImageFiles(folder)
  const hosts = Array.from({ length: 30_000 }, (_, i) => `h${i} 60 IN TXT "${i}"`)
  const image = ZoneImage.create(ORIGIN, records([SOA, NS, ...hosts]))
  const checksum = await files.write(NAME, OF, image.latest())
  return { files, folder, path: join(folder, NAME), image, checksum }
}

const linesOf = (image: ZoneImage | undefined) => image && lines(recordsOfVersion(image.latest()))

t.test('an image comes back as it was, with room for changes', async t => {
  const { files, image, checksum } = await kept(t)
  const again = await files.read(NAME, OF, checksum)
  t.strictSame(linesOf(again), linesOf(image))
  const change = { deleted: [], added: [record('new 60 IN A 192.0.2.1')] }
  const changed = again!.apply(again!.latest(), change)!
  t.equal(changed.size(), image.latest().size() + 1)
  t.strictSame(linesOf(again), linesOf(image), 'and what is written then leaves it alone')
  t.equal(again!.generation(), 1)
})

t.test('what was published when it was kept is kept, and not what comes later or was never published', async t => {
  const { files, image } = await kept(t)
  const before = linesOf(image)
  const version = image.latest()
  image.apply(version, { deleted: [], added: [record('pending 60 IN A 192.0.2.1')] })
  const writing = files.write(NAME, OF, version)
  image.publish(image.apply(version, { deleted: [], added: [record('later 60 IN A 192.0.2.1')] })!)
  await writing
  t.strictSame(linesOf(await files.read(NAME, OF)), before)
})

t.test('a file that is not the one that is meant is none', async t => {
  const { files, checksum } = await kept(t)
  t.equal(await files.read(NAME, 'revision 8', checksum), undefined)
  t.equal(await files.read(NAME, OF, `${checksum}0`), undefined)
  t.equal(await files.read('ba9876543210', OF), undefined)
})

const DAMAGE: Record<string, (path: string) => void> = {
  'a bit of its head has turned': path => flip(path, 40),
  'a bit of the image has turned': path => flip(path, 500_000),
  'its last octet is missing': path => truncateSync(path, readFileSync(path).length - 1),
  'it was cut off in the middle': path => truncateSync(path, 2_000_000),
  'it was cut off in its head': path => truncateSync(path, 100),
  'it is empty': path => truncateSync(path, 0),
  'something was added': path => appendFileSync(path, 'more'),
  'it was written in another format': path => replace(path, '"format":1', '"format":2'),
  'it was written by a machine of another kind': path => replace(path, '"LE"', '"BE"'),
  'its head claims to be another': path => replace(path, '"revision 7"', '"revision 8"'),
}

for (const [what, damage] of Object.entries(DAMAGE))
  t.test(`no image is read from a file where ${what}`, async t => {
    const { files, path, checksum } = await kept(t)
    damage(path)
    t.equal(await files.read(NAME, OF, checksum), undefined)
  })

t.test('an image whose memory has another layout is none', async t => {
  const { files, image, path } = await kept(t)
  // The version of the layout is in its first word.
  new Int32Array(image.buffer)[0]!++
  await files.write(NAME, OF, image.latest())
  t.ok(existsSync(path))
  t.equal(await files.read(NAME, OF), undefined)
})

t.test('half a file never takes the place of a whole one, and is removed at the next start', async t => {
  const { files, folder, image } = await kept(t)
  writeFileSync(join(folder, `${NAME}.new`), 'half')
  t.strictSame(linesOf(await files.read(NAME, OF)), linesOf(image))
  await openImageFiles(folder)
  t.strictSame(readdirSync(folder), [NAME])
})

t.test('files that nobody asks for any more are removed', async t => {
  const { folder } = await kept(t)
  writeFileSync(join(folder, 'ba9876543210'), 'of a zone that is gone')
  const files = await openImageFiles(folder)
  await files.read(NAME, OF)
  await files.sweep()
  t.strictSame(readdirSync(folder), [NAME])
})

function flip(path: string, at: number): void {
  const octets = readFileSync(path)
  octets[at]! ^= 1
  writeFileSync(path, octets)
}

function replace(path: string, from: string, to: string): void {
  const octets = readFileSync(path)
  const at = octets.indexOf(from)
  octets.write(to, at, 'latin1')
  writeFileSync(path, octets)
}
