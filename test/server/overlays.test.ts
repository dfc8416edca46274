import t from 'tap'
import { compilePattern } from '../../config/pattern.ts'
import { parseName } from '../../dns/name.ts'
import { recordsOfVersion } from '../../zones/history/baseline.ts'
import { lines } from '../zones/lines.ts'
import { type Script, servePrimary } from '../zones/peer.ts'
import { secondary, view, world, zoneText } from './zones-world.ts'

const ORIGIN = parseName('a.example.')
const PRIMARY = '192.0.2.1'
const DAY = 86_400

const overlay = {
  name: ORIGIN,
  overlay_of: 'inside',
  show: [{ names: [compilePattern('**')], wildcards: false }],
}
const views = [...view('outside', overlay), ...view('inside', secondary('a.example.', PRIMARY))]

t.test('an overlay is served with its base, a secondary, and not without', async t => {
  const w = world()
  const script: Script = { zone: zoneText('a.example.', 7, 'www A 192.0.2.80') }
  servePrimary(w.network, w.clock, `${PRIMARY}:53`, script)
  w.network.condition(`${PRIMARY}:53`, 'silent')
  const zones = w.start()
  const served = (view: string) => w.served.get(`${view} ${Buffer.from(ORIGIN).toString('latin1')}`)
  const own = () => zones.find('outside', ORIGIN)!
  const shown = () => own().image && lines(recordsOfVersion(own().image!.latest()))
  const handed = () => zones.serving().map(({ image }) => image !== null)
  await zones.configure(views)
  await w.run(zones)

  await t.test('whose base was never transferred: nothing, that is SERVFAIL', async t => {
    t.equal(own().image, undefined)
    t.same(handed(), [false, false])
    t.equal(own().soa(), undefined, 'and nobody is told of it')
  })

  await t.test('once it is, what the rules show of it', async t => {
    w.network.condition(`${PRIMARY}:53`, 'up')
    await w.run(zones, 600)
    t.same(
      shown()?.filter(line => / A | SOA /.test(line)),
      ['a.example. 60 IN SOA ns.example. h.a.example. 7 3600 600 86400 60', 'www.a.example. 60 IN A 192.0.2.80'],
    )
    t.same(handed(), [true, true])
    t.equal(served('outside'), own().image!.buffer, 'the threads have it')
  })

  await t.test('it follows', async t => {
    script.zone = zoneText('a.example.', 8, 'www A 192.0.2.81')
    await w.run(zones, 3600)
    t.match(shown(), [/./, /SOA .* 8 3600/, /192\.0\.2\.81/])
  })

  await t.test('whose base has expired: SERVFAIL again', async t => {
    w.network.condition(`${PRIMARY}:53`, 'silent')
    await w.run(zones, DAY)
    t.equal(own().image, undefined)
    t.equal(served('outside'), null, 'the threads know')
    t.same(handed(), [false, false])
  })

  await t.test('also after a restart', async t => {
    const again = w.start()
    await again.configure(views)
    t.same(
      again.serving().map(({ image }) => image),
      [null, null],
    )
    await again.close()
  })

  await t.test('and back when its base is', async t => {
    w.network.condition(`${PRIMARY}:53`, 'up')
    script.zone = zoneText('a.example.', 9, 'www A 192.0.2.82')
    await w.run(zones, 3600)
    t.match(shown(), [/./, /SOA .* 9 3600/, /192\.0\.2\.82/])
    t.equal(served('outside'), own().image!.buffer)
  })
  await zones.close()
})
