import { getHeapSpaceStatistics } from 'node:v8'
import t from 'tap'
import { createSimulatedClock } from '../simulation/clock.ts'
import { Asking, kindZones, QUERY_KINDS } from './query-kinds.ts'

const ROUNDS = 5
/** Queries until the code is compiled for good, and statistics look at few of them; then those that are measured. Octets for one: the least object has 16. */
const PLAIN = { warm: 150_000, measured: 20_000, most: 8 }
/** Node's SHA-1 takes a view and gives a string. */
const HASHED = { warm: 20_000, measured: 4000, most: 1200 }

/** Octets in use of the space that objects are made in; it is emptied at times. */
function young(): number {
  const space = getHeapSpaceStatistics().find(({ space_name: name }) => name === 'new_space')
  return space!.space_used_size
}

const zones = await kindZones()

for (const kind of QUERY_KINDS)
  t.test(`what is allocated for a query: ${kind.name}`, async t => {
    const { warm, measured, most } = kind.zone === 'nsec3' ? HASHED : PLAIN
    const asking = new Asking(kind, zones[kind.zone], createSimulatedClock())
    asking.ask(warm)
    const octets: number[] = []
    for (let round = 0; round < ROUNDS; round++) {
      const before = young()
      asking.ask(measured)
      octets.push((young() - before) / measured)
    }
    // Where the space was emptied meanwhile there is less in it than before.
    const least = Math.min(...octets.filter(one => one >= 0))
    t.ok(least < most, `${least.toFixed(1)} octets`)
  })
