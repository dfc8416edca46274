import { globSync } from 'node:fs'
import t from 'tap'
import type { ZoneTable } from '../../zones/lookup/table.ts'
import { sameByDatagram } from '../server/datagrams.ts'
import { onAsked } from '../zones/ask.ts'

/** The suites ask the zones without a socket. Here they run once more, and then all that they have asked is asked over UDP. */
const asked = new Map<ZoneTable, Uint8Array[]>()
onAsked((zones, wire) => {
  const wires = asked.get(zones) ?? []
  asked.set(zones, wires)
  wires.push(wire)
})
for (const suite of globSync('rfc*/**/*.test.ts', { cwd: import.meta.dirname })) await import(`./${suite}`)

t.test('what the suites of the RFCs have asked, asked by datagram', async t => {
  onAsked(undefined)
  t.ok(asked.size >= 8, `${asked.size} groups of zones`)
  sameByDatagram(
    t,
    [...asked].map(([zones, wires]) => ({ zones, wires })),
    3,
  )
})
