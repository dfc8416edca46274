import t from 'tap'
import { type Log, silentLog } from '../../../host/log.ts'
import { ImageKeeper } from '../../../zones/image/image-keeper.ts'
import { WORTH_KEEPING } from '../../../zones/store/images.ts'
import type { ZoneStore } from '../../../zones/store/store.ts'
import { ZoneImage } from '../../../zones/zone.ts'
import { NS, ORIGIN, records, SOA } from '../lines.ts'

const hosts = (count: number) => Array.from({ length: count }, (_, i) => `h${i} 60 IN A 192.0.2.1`)
const LARGE = ZoneImage.create(ORIGIN, records([SOA, NS, ...hosts(WORTH_KEEPING)]))
const SMALL = ZoneImage.create(ORIGIN, records([SOA, NS]))

/** A keeper of a zone whose revision is set by hand, and which revisions it kept. */
function keeping(image: ZoneImage, revision: number, kept?: number, log: Log = silentLog) {
  const zone = { revision, image }
  const written: number[] = []
  let failure: Error | undefined
  const images = {
    async keep(_zone: number, at: number) {
      if (failure) throw failure
      written.push(at)
    },
  } as unknown as ZoneStore['images']
  const keeper = new ImageKeeper({ zone: 1, current: () => zone, store: { images }, log }, kept)
  const fail = (error: Error | undefined) => {
    failure = error
  }
  return { keeper, zone, written, fail }
}

t.test('an image is kept once for each revision, and at the end', async t => {
  const { keeper, zone, written } = keeping(LARGE, 3)
  await keeper.keep()
  await keeper.keep()
  t.strictSame(written, [3])
  zone.revision = 4
  await keeper.close()
  t.strictSame(written, [3, 4])
})

t.test('the image that is on disk is not written again', async t => {
  const { keeper, written } = keeping(LARGE, 3, 3)
  await keeper.close()
  t.strictSame(written, [])
})

t.test('small zones are read from the database as fast', async t => {
  const { keeper, written } = keeping(SMALL, 3)
  await keeper.close()
  t.strictSame(written, [])
})

t.test('a journal that gets long is cut short by keeping the image', async t => {
  const { keeper, zone, written } = keeping(LARGE, 0, 0)
  zone.revision = 9999
  keeper.changed()
  t.strictSame(written, [])
  zone.revision = 10_000
  keeper.changed()
  t.strictSame(written, [10_000])
})

t.test('what can not be kept is logged, and tried again', async t => {
  const warned: string[] = []
  const log = { ...silentLog, warn: (_fields: object, message: string) => void warned.push(message) }
  const { keeper, written, fail } = keeping(LARGE, 3, undefined, log)
  fail(new Error('the disk is full'))
  await keeper.keep()
  t.match(warned, [/could not be kept/])
  fail(undefined)
  await keeper.close()
  t.strictSame(written, [3])
})
