import fc from 'fast-check'
import t from 'tap'
import { Rcode } from '../../../dns/codes.ts'
import type { Fault } from '../faulty-database.ts'
import { content, machine } from '../split.ts'

const REVERSE = '2.0.192.in-addr.arpa.'
const V6 = '8.b.d.0.1.0.0.2.ip6.arpa.'
const FORWARD = '@ 300 IN SOA ns h 1 2 3 4 5\n@ 300 IN NS ns\n'
const FILE = { name: REVERSE, dynamic: true, ptr_from: ['a.example.'], file: '/reverse' }

async function open(handmade = '') {
  const daemon = machine()
  daemon.files.set('/reverse', FORWARD + handmade)
  await daemon.configure({ in: [{ name: 'a.example.', dynamic: true }, FILE] })
  const ptrs = (name = REVERSE) => content(daemon.shown('in', name)).filter(line => !line.includes(' NS '))
  return { ...daemon, ptrs }
}

t.test('a PTR comes and goes with its address, in the same commit', async t => {
  const { database, update, ptrs, serial } = await open()
  const before = database.commits
  t.match(await update('in', ['www 60 IN A 192.0.2.1']), { rcode: Rcode.NOERROR })
  t.equal(database.commits, before + 1)
  t.same(ptrs(), ['1.2.0.192.in-addr.arpa. 60 IN PTR www.a.example.'])
  t.equal(serial('in', REVERSE), 2)
  await update('in', ['www 0 ANY A', 'www 60 IN A 192.0.2.2'])
  t.same(ptrs(), ['2.2.0.192.in-addr.arpa. 60 IN PTR www.a.example.'])
  await update('in', ['www 0 ANY ANY'])
  t.same(ptrs(), [])
})

t.test('several names of one address have a PTR each, with the least of their TTLs', async t => {
  const { update, ptrs } = await open()
  await update('in', ['b 60 IN A 192.0.2.1', 'a 30 IN A 192.0.2.1', '*.w 5 IN A 192.0.2.1'])
  t.same(ptrs(), ['1.2.0.192.in-addr.arpa. 30 IN PTR a.a.example.', '1.2.0.192.in-addr.arpa. 30 IN PTR b.a.example.'])
  await update('in', ['a 0 ANY A'])
  t.same(ptrs(), ['1.2.0.192.in-addr.arpa. 60 IN PTR b.a.example.'])
})

t.test('where the file has a PTR there are none of ours, until it is gone', async t => {
  const { update, ptrs, files, configure } = await open('1 300 IN PTR printer.example.\n')
  await update('in', ['www 60 IN A 192.0.2.1', 'www 60 IN A 192.0.2.2'])
  t.same(ptrs(), [
    '1.2.0.192.in-addr.arpa. 300 IN PTR printer.example.',
    '2.2.0.192.in-addr.arpa. 60 IN PTR www.a.example.',
  ])
  await update('in', ['www 0 ANY A'])
  t.same(ptrs(), ['1.2.0.192.in-addr.arpa. 300 IN PTR printer.example.'])
  await update('in', ['www 60 IN A 192.0.2.1'])
  files.set('/reverse', FORWARD.replace(' 1 ', ' 9 '))
  await configure({ in: [{ name: 'a.example.', dynamic: true }, FILE] })
  t.same(ptrs(), ['1.2.0.192.in-addr.arpa. 60 IN PTR www.a.example.'])
})

t.test('a PTR added by an update takes the place of ours; one of ours that is deleted comes back', async t => {
  const { update, ptrs } = await open()
  await update('in', ['www 60 IN A 192.0.2.1'])
  await update('in', ['1.2.0.192.in-addr.arpa. 0 ANY PTR'], REVERSE)
  t.same(ptrs(), ['1.2.0.192.in-addr.arpa. 60 IN PTR www.a.example.'])
  await update('in', ['1.2.0.192.in-addr.arpa. 300 IN PTR hand.example.'], REVERSE)
  t.same(ptrs(), ['1.2.0.192.in-addr.arpa. 300 IN PTR hand.example.'])
  await update('in', ['other 60 IN A 192.0.2.1'])
  t.same(ptrs(), ['1.2.0.192.in-addr.arpa. 300 IN PTR hand.example.'])
  await update('in', ['1.2.0.192.in-addr.arpa. 0 ANY PTR'], REVERSE)
  t.same(ptrs(), [
    '1.2.0.192.in-addr.arpa. 60 IN PTR other.a.example.',
    '1.2.0.192.in-addr.arpa. 60 IN PTR www.a.example.',
  ])
})

t.test('IPv6, RFC 2317, and the deepest zone of the view', async t => {
  const daemon = machine()
  const reverse = (name: string) => ({ name, dynamic: true, ptr_from: ['a.example.'] })
  const zones = ['192.in-addr.arpa.', REVERSE, '0/25.2.0.192.in-addr.arpa.', V6].map(reverse)
  await daemon.configure({ in: [{ name: 'a.example.', dynamic: true }, ...zones] })
  await daemon.update('in', ['www 60 IN A 192.0.2.1', 'www 60 IN A 192.9.9.9', 'www 60 IN AAAA 2001:db8::1'])
  t.same(content(daemon.shown('in', '192.in-addr.arpa.')), ['9.9.9.192.in-addr.arpa. 60 IN PTR www.a.example.'])
  t.same(content(daemon.shown('in', '0/25.2.0.192.in-addr.arpa.')), [
    '1.0/25.2.0.192.in-addr.arpa. 60 IN PTR www.a.example.',
  ])
  t.same(content(daemon.shown('in', REVERSE)), ['1.2.0.192.in-addr.arpa. 60 IN PTR www.a.example.'])
  t.match(content(daemon.shown('in', V6)), [/^1(\.0){23}\.8\.b\.d\.0\.1\.0\.0\.2\.ip6\.arpa\. 60 IN PTR www/])
})

t.test('addresses of a file zone, its reload, and a zone that no longer follows', async t => {
  const daemon = machine()
  daemon.files.set('/z', `${FORWARD}www 60 IN A 192.0.2.1\n`)
  const forward = { name: 'a.example.', file: '/z' }
  await daemon.configure({ in: [forward, { name: REVERSE, dynamic: true, ptr_from: ['a.example.'] }] })
  t.same(content(daemon.shown('in', REVERSE)), ['1.2.0.192.in-addr.arpa. 60 IN PTR www.a.example.'])
  daemon.files.set('/z', `${FORWARD.replace(' 1 ', ' 2 ')}www 60 IN A 192.0.2.7\n`)
  const both = [forward, { name: REVERSE, dynamic: true, ptr_from: ['a.example.'] }]
  await daemon.configure({ in: both })
  t.same(content(daemon.shown('in', REVERSE)), ['7.2.0.192.in-addr.arpa. 60 IN PTR www.a.example.'])
  const serial = daemon.serial('in', REVERSE)
  await daemon.configure({ in: both })
  t.equal(daemon.serial('in', REVERSE), serial, 'nothing changed')
  await daemon.configure({ in: [forward, { name: REVERSE, dynamic: true }] })
  t.same(content(daemon.shown('in', REVERSE)), [])
})

t.test('more names than are listed: those that come first, and the next where one goes', async t => {
  const { update, ptrs } = await open()
  const host = (i: number) => `h${String(i).padStart(3, '0')}`
  await update(
    'in',
    Array.from({ length: 103 }, (_, i) => `${host(102 - i)} 60 IN A 192.0.2.1`),
  )
  t.equal(ptrs().length, 100)
  t.match(ptrs().at(-1), /PTR h099\./)
  await update('in', ['h000 0 ANY A', 'h002 0 ANY A'])
  t.match(ptrs().at(0), /PTR h001\./)
  t.match(ptrs().at(-1), /PTR h101\./)
  await update('in', ['aaa 60 IN A 192.0.2.1'])
  t.match(ptrs().at(-1), /PTR h100\./)
})

t.test('whatever is updated, reloaded, restarted and lost, the PTRs are as defined', async () => {
  const step = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        kind: fc.constant('forward' as const),
        host: fc.nat(4),
        address: fc.nat(3),
        remove: fc.boolean(),
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({ kind: fc.constant('hand' as const), address: fc.nat(3), remove: fc.boolean() }),
    },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('file' as const), addresses: fc.subarray([0, 1, 2, 3]) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('restart' as const) }) },
  )
  const faults = fc.constantFrom<Fault>('none', 'none', 'none', 'fails', 'reply is lost')
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(step, faults), { maxLength: 15 }), async steps => {
      const daemon = await open()
      const config = { in: [{ name: 'a.example.', dynamic: true }, FILE] }
      let serial = 1
      for (const [step, fault] of steps) {
        if (step.kind === 'forward') {
          daemon.database.next(fault)
          const { host, address, remove } = step
          await daemon.update('in', [remove ? `h${host} 0 ANY A` : `h${host} 6${host} IN A 192.0.2.${address}`])
        } else if (step.kind === 'hand') {
          daemon.database.next(fault)
          const owner = `${step.address}.${REVERSE}`
          await daemon.update('in', [step.remove ? `${owner} 0 ANY PTR` : `${owner} 300 IN PTR hand.example.`], REVERSE)
        } else {
          daemon.database.calm()
          if (step.kind === 'restart') daemon.restart()
          else
            daemon.files.set(
              '/reverse',
              FORWARD.replace(' 1 ', ` ${++serial} `) +
                step.addresses.map(one => `${one} 300 IN PTR file${one}.example.\n`).join(''),
            )
          await daemon.configure(config)
        }
      }
      daemon.database.calm()
      await daemon.update('in', ['last 60 IN A 192.0.2.9'])
      return daemon.ptrs().join('\n') === expected(daemon.ptrs(), daemon.shown('in')).join('\n')
    }),
    { numRuns: 80 },
  )
})

/** By the definition: what hands made stays; elsewhere every name of the address, with the least TTL. */
function expected(ptrs: readonly string[], forward: readonly string[]): string[] {
  const hand = ptrs.filter(line => !line.endsWith('.a.example.'))
  const taken = new Set(hand.map(line => line.split(' ')[0]))
  const addresses = forward.map(line => line.split(' ')).filter(([, , , type]) => type === 'A')
  const derived = addresses.flatMap(([name, , , , address]) => {
    const owner = `${address!.split('.')[3]}.${REVERSE}`
    const ttls = addresses.filter(one => one[4] === address).map(one => Number(one[1]))
    return taken.has(owner) ? [] : [`${owner} ${Math.min(...ttls)} IN PTR ${name}`]
  })
  return [...hand, ...derived].sort()
}
