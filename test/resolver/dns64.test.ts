import t from 'tap'
import { parsePrefix, printAddress } from '../../config/address.ts'
import { Rcode } from '../../dns/codes.ts'
import { parseName } from '../../dns/name.ts'
import { printRecord, Type } from '../../dns/types.ts'
import { embed, throughDns64 } from '../../resolver/dns64.ts'
import type { ResolverAnswer } from '../../resolver/resolver.ts'
import { record } from './world.ts'

const EMPTY: ResolverAnswer = {
  ...{ rcode: 0, answer: [], authority: [], additional: [], ad: true, from: 'upstream', renewIn: 100 },
}
const MAPPED = { bytes: Uint8Array.of(...new Uint8Array(10), 255, 255, 0, 0, 0, 0), length: 96 }
const DNS64 = { prefix: parsePrefix('2001:db8:64::/96')!, exclude: [MAPPED] }
const SOA = record('example. 40 SOA ns.example. h.example. 1 2 3 4 5')

/** What DNS64 makes of a question, the world answering by type. */
async function through(name: string, type: number, world: Record<number, Partial<ResolverAnswer>>) {
  const question = { name: parseName(name), type, class: 1 }
  const told = await throughDns64(question, DNS64, async asked => ({ ...EMPTY, ...world[asked.type] }))
  return told && { ...told, answer: told.answer.map(printRecord) }
}

t.test('RFC 6052 §2.4: the examples', t => {
  const ipv4 = Uint8Array.of(192, 0, 2, 33)
  const rows = [
    ['2001:db8::/32', '2001:db8:c000:221::'],
    ['2001:db8:100::/40', '2001:db8:1c0:2:21::'],
    ['2001:db8:122::/48', '2001:db8:122:c000:2:2100::'],
    ['2001:db8:122:300::/56', '2001:db8:122:3c0:0:221::'],
    ['2001:db8:122:344::/64', '2001:db8:122:344:c0:2:2100:0'],
    ['2001:db8:122:344::/96', '2001:db8:122:344::c000:221'],
  ] as const
  for (const [prefix, address] of rows)
    t.equal(printAddress(embed(ipv4, parsePrefix(prefix)!)).replace(/:0$/, ':0'), address, prefix)
  t.end()
})

t.test('RFC 6147 §5.1: AAAA are made where there are none, from the A of the end of the chain', async t => {
  const chain = [record('w.example. 300 CNAME v.example.'), record('v.example. 300 A 192.0.2.33')]
  t.match(await through('w.example', Type.AAAA, { [Type.AAAA]: { authority: [SOA] }, [Type.A]: { answer: chain } }), {
    answer: ['w.example. 300 IN CNAME v.example.', 'v.example. 40 IN AAAA 2001:db8:64::c000:221'],
    ad: false,
    renewIn: 40,
  })
})

t.test('RFC 6147: what is left as it is', async t => {
  const native = [record('w.example. 300 AAAA 2001:db8::1')]
  const mapped = record('w.example. 300 AAAA ::ffff:10.0.0.1')
  const ipv4 = { answer: [record('w.example. 900 A 192.0.2.33')] }
  t.match(await through('w.example', Type.AAAA, { [Type.AAAA]: { answer: native }, [Type.A]: ipv4 }), {
    answer: ['w.example. 300 IN AAAA 2001:db8::1'],
    ad: true,
  })
  t.match(await through('w.example', Type.AAAA, { [Type.AAAA]: { rcode: Rcode.NXDOMAIN }, [Type.A]: ipv4 }), {
    rcode: Rcode.NXDOMAIN,
    answer: [],
  })
  t.match(
    await through('w.example', Type.AAAA, { [Type.AAAA]: { answer: [...native, mapped] }, [Type.A]: ipv4 }),
    { answer: ['w.example. 300 IN AAAA 2001:db8::1'], ad: false },
    '§5.1.4: an excluded address is as if it were not there',
  )
  t.match(
    await through('w.example', Type.AAAA, { [Type.AAAA]: { answer: [mapped] }, [Type.A]: ipv4 }),
    { answer: ['w.example. 600 IN AAAA 2001:db8:64::c000:221'] },
    '§5.1.4: and where all are excluded, others are made, §5.1.7 for ten minutes',
  )
  t.match(
    await through('w.example', Type.AAAA, { [Type.AAAA]: { rcode: Rcode.SERVFAIL }, [Type.A]: ipv4 }),
    { rcode: 0, answer: ['w.example. 600 IN AAAA 2001:db8:64::c000:221'] },
    '§5.1.2: a failure is as if there were none',
  )
  t.match(await through('w.example', Type.AAAA, { [Type.AAAA]: {}, [Type.A]: {} }), { rcode: 0, answer: [], ad: true })
  t.equal(await through('w.example', Type.A, {}), undefined)
})

t.test('RFC 6147 §5.3.1: the PTR of an address that was made is that of the IPv4 address', async t => {
  const reverse = (address: string) => `${[...address].reverse().join('.')}.ip6.arpa`
  const pointer = { [Type.PTR]: { answer: [record('33.2.0.192.in-addr.arpa. 60 PTR v.example.')] } }
  const made = '20010db8006400000000000' + '0c0000221'
  t.match(await through(reverse(made), Type.PTR, pointer), {
    answer: [/^1\.2\.2.* 60 IN CNAME 33.2.0.192.in-addr.arpa.$/, '33.2.0.192.in-addr.arpa. 60 IN PTR v.example.'],
  })
  t.equal(await through(reverse(`3${made.slice(1)}`), Type.PTR, pointer), undefined)
  t.equal(await through('1.ip6.arpa', Type.PTR, pointer), undefined)
})
