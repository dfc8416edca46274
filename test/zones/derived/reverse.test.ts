import t from 'tap'
import { addressBytes } from '../../../config/address.ts'
import { parseName, printName } from '../../../dns/name.ts'
import { typeName } from '../../../dns/types.ts'
import { reverseZone } from '../../../zones/derived/reverse.ts'

const CASES: [why: string, zone: string, address: string, owner: string | undefined][] = [
  ['RFC 1035 §3.5', '10.in-addr.arpa.', '10.1.2.3', '3.2.1.10.in-addr.arpa.'],
  ['an address outside', '10.in-addr.arpa.', '192.0.2.1', undefined],
  ['a zone of one address', '3.2.1.10.in-addr.arpa.', '10.1.2.3', '3.2.1.10.in-addr.arpa.'],
  [
    'RFC 3596 §2.5',
    '8.b.d.0.1.0.0.2.ip6.arpa.',
    '2001:db8::567:89ab',
    'b.a.9.8.7.6.5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa.',
  ],
  ['RFC 2317 §4', '0/25.2.0.192.in-addr.arpa.', '192.0.2.1', '1.0/25.2.0.192.in-addr.arpa.'],
  ['RFC 2317 §4, the second block', '128/26.2.0.192.in-addr.arpa.', '192.0.2.190', '190.128/26.2.0.192.in-addr.arpa.'],
  ['an address after the block', '0/25.2.0.192.in-addr.arpa.', '192.0.2.128', undefined],
  ['an address of another network', '0/25.2.0.192.in-addr.arpa.', '192.0.3.1', undefined],
  ['first and last', '64-127.2.0.192.in-addr.arpa.', '192.0.2.64', '64.64-127.2.0.192.in-addr.arpa.'],
  ['a hyphen before a length', '64-26.2.0.192.in-addr.arpa.', '192.0.2.127', '127.64-26.2.0.192.in-addr.arpa.'],
  ['a range that looks like a length', '0-31.2.0.192.in-addr.arpa.', '192.0.2.31', '31.0-31.2.0.192.in-addr.arpa.'],
  ['and ends there', '0-31.2.0.192.in-addr.arpa.', '192.0.2.32', undefined],
]

for (const [why, zone, address, owner] of CASES)
  t.test(`${why}: ${address} in ${zone}`, async t => {
    const found = reverseZone(parseName(zone))!.ownerOf(addressBytes(address)!)
    t.equal(found && printName(found), owner)
  })

t.test('a zone of no addresses', async t => {
  t.equal(reverseZone(parseName('a.example.')), undefined)
  t.equal(typeName(reverseZone(parseName('1.ip6.arpa.'))!.type), 'AAAA')
})
