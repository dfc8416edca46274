import t from 'tap'
import { Rcode } from '../../dns/codes.ts'
import { printName } from '../../dns/name.ts'
import type { Condition } from '../simulation/network.ts'
import { createSeededRandom } from '../simulation/random.ts'
import { createWorld, serve } from './world.ts'

const HOSTS = ['192.0.2.53:53', '192.0.2.54:53', '192.0.2.55:853']
const CONDITIONS: Condition[] = ['up', 'up', 'silent', 'refusing']

for (const seed of [1, 2, 3])
  t.test(`an hour of hosts that come and go, with lost and late packets, from seed ${seed}`, async t => {
    const random = createSeededRandom(seed)
    const world = createWorld({ '.': ['192.0.2.53', '192.0.2.54', 'tls://192.0.2.55#dns.example'] }, {}, seed)
    for (const at of HOSTS)
      serve(world, at, query => ({ answer: [`${printName(query.question[0]!.name)} 60 A 192.0.2.1`] }))
    const tally = { answered: 0, stale: 0, failed: 0, wrong: 0, late: 0 }
    const started = world.clock.monotonic()
    while (world.clock.monotonic() - started < 3_600_000) {
      world.network.weather.loss = random.below(40) / 100
      world.network.weather.latency = 1 + random.below(300)
      world.network.condition(HOSTS[random.below(3)]!, CONDITIONS[random.below(4)]!)
      const asked = Array.from({ length: 10 }, () => world.begin(`n${random.below(200)}.example.com.`))
      for (const told of await world.clock.until(Promise.all(asked))) {
        if (told.rcode === Rcode.SERVFAIL && told.ede !== undefined) tally.failed++
        else if (told.rcode !== Rcode.NOERROR || !/ A 192.0.2.1$/.test(told.answer[0] ?? '')) tally.wrong++
        else if (told.from === 'stale') tally.stale++
        else tally.answered++
        if (told.took > 1800) tally.late++
      }
      await world.clock.advance(random.below(20_000))
    }
    t.match(tally, { wrong: 0, late: 0 }, JSON.stringify(tally))
    t.ok(tally.failed < tally.answered / 10, 'most are answered all the same')
    world.resolver.close()
    await world.clock.advance(20_000)
    t.equal(world.network.open(), 0, 'no socket is left')
    t.equal(world.clock.pending(), 0, 'no timer is left')
  })
