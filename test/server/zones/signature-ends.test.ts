import t from 'tap'
import { parseName } from '../../../dns/name.ts'
import { parseZonefile } from '../../../dns/zonefile.ts'
import type { ServedZone } from '../../../server/zones/members.ts'
import { SignatureEnds, signatureEnds } from '../../../server/zones/signature-ends.ts'
import { ZoneImage } from '../../../zones/zone.ts'
import { createSimulatedClock } from '../../simulation/clock.ts'

const NOW = Date.UTC(2026, 0, 1)
const DAY = 86_400_000

/** A zone in which each of these names has a signature that ends then. */
function signedZone(serial: number, ends: Readonly<Record<string, string>>): ZoneImage {
  const lines = Object.entries(ends).flatMap(([name, end]) => [
    `${name} A 192.0.2.1`,
    `${name} RRSIG A 13 2 60 ${end} 20251201000000 1 example. AAAA`,
  ])
  const text = `$TTL 60\n@ SOA ns h ${serial} 3600 600 86400 60\n@ NS ns\nns A 192.0.2.2\n${lines.join('\n')}\n`
  const origin = parseName('example.')
  return ZoneImage.create(origin, parseZonefile(text, { origin, file: 'zone' }).records)
}

const served = (image: ZoneImage | undefined) => ({ image }) as unknown as ServedZone

t.test('the first and the last of all signatures', async t => {
  const zone = signedZone(1, { a: '20260110000000', b: '20260104000000', c: '20260120000000' })
  t.same(await signatureEnds(zone.latest(), NOW), {
    signatures: 3,
    first: NOW + 3 * DAY,
    last: NOW + 19 * DAY,
  })
  t.equal(await signatureEnds(signedZone(1, {}).latest(), NOW), undefined, 'a zone that is not signed has none')
})

t.test('RFC 4034 §3.1.5: ends are serial numbers, those beyond 2106 too', async t => {
  const zone = signedZone(1, { a: '21060201000000', b: '21060301000000' })
  const ends = await signatureEnds(zone.latest(), Date.UTC(2106, 0, 20))
  t.same([ends?.first, ends?.last], [Date.UTC(2106, 1, 1), Date.UTC(2106, 2, 1)])
})

t.test('a zone is looked through again when it has changed, and ten minutes have passed', async t => {
  const clock = createSimulatedClock(NOW)
  const ends = new SignatureEnds(clock)
  const zone = served(signedZone(1, { a: '20260110000000' }))
  t.equal((await ends.of(zone))?.first, NOW + 9 * DAY)
  Object.assign(zone, { image: signedZone(2, { a: '20260115000000' }) })
  t.equal((await ends.of(zone))?.first, NOW + 9 * DAY)
  await clock.advance(600_000)
  t.equal((await ends.of(zone))?.first, NOW + 14 * DAY)
  const first = ends.of(zone)
  await clock.advance(600_000)
  t.equal(ends.of(zone), first, 'what has not changed is not looked through again')
  t.equal(await ends.of(served(undefined)), undefined, 'a zone that is not served has none')
})
