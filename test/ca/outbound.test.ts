import t from 'tap'
import { createOutbound } from '../../ca/outbound.ts'
import { parsePrefix } from '../../config/address.ts'
import { Class, Rcode } from '../../dns/codes.ts'
import { parseName } from '../../dns/name.ts'
import { parseRdataText, Type } from '../../dns/types.ts'
import type { Connection, Network } from '../../host/network.ts'
import { createSimulatedClock } from '../simulation/clock.ts'

/** A connector whose name has these addresses at each look-up in turn, in a network that says where it was led. */
function open(options: { answers?: string[][]; allowed?: string[]; fails?: (address: string) => boolean } = {}) {
  const clock = createSimulatedClock()
  const reached: string[] = []
  const closed: string[] = []
  const { answers = [[]], fails = () => false } = options
  let lookups = 0
  const network: Pick<Network, 'connect'> = {
    async connect({ address, port }) {
      reached.push(`${address} ${port}`)
      if (fails(address)) throw Object.assign(new Error('refused'), { code: 'ECONNREFUSED' })
      return { close: () => void closed.push(address) } as unknown as Connection
    },
  }
  const connect = createOutbound({
    network,
    clock,
    allowed: (options.allowed ?? []).map(block => parsePrefix(block)!),
    async lookup(_name, type) {
      const addresses = answers[Math.min(lookups++ >> 1, answers.length - 1)]!
      const wanted = addresses.filter(address => address.includes(':') === (type === Type.AAAA))
      const record = (address: string) => ({
        ...{ owner: parseName('www.example.test'), type, class: Class.IN, ttl: 0 },
        rdata: parseRdataText(type, address),
      })
      return { rcode: addresses.length > 0 ? Rcode.NOERROR : Rcode.NXDOMAIN, answer: wanted.map(record) }
    },
  })
  return { connect, reached, closed, clock }
}

t.test('special addresses are not connected to, by name or literally', async t => {
  for (const address of [
    '127.0.0.1',
    '127.255.0.1',
    '0.0.0.0',
    '169.254.169.254',
    '224.0.0.1',
    '255.255.255.255',
    '::',
    '::1',
    '::ffff:127.0.0.1',
    'fe80::1',
    'ff02::1',
    '64:ff9b::7f00:1',
    '2002:7f00:1::',
    'fd00:ec2::254',
    '192.0.0.192',
    '100.100.100.200',
    '64:ff9b:1::7f00:1',
    '2001:0:7f00:1::',
  ]) {
    const { connect, reached } = open({ answers: [[address]] })
    await t.rejects(
      connect('www.example.test', 80),
      { type: 'connection', message: /not connected to/ } as unknown as Error,
      address,
    )
    await t.rejects(
      connect(address.includes(':') ? `[${address}]` : address, 80),
      { type: 'connection' } as unknown as Error,
      address,
    )
    t.strictSame(reached, [], address)
  }
})

t.test('private addresses are, and so is what the config allows', async t => {
  const { connect, reached } = open({ answers: [['10.0.0.1', 'fd12::1']], allowed: ['127.0.0.0/8'] })
  await connect('www.example.test', 80)
  await connect('127.0.0.1', 8080)
  t.strictSame(reached, ['fd12::1 80', '127.0.0.1 8080'], 'IPv6 first')
})

t.test('a name that is moved between check and use leads nowhere else', async t => {
  const { connect, reached } = open({ answers: [['192.0.2.1'], ['127.0.0.1']] })
  await connect('www.example.test', 80)
  t.strictSame(reached, ['192.0.2.1 80'], 'the address that was checked is the one connected to')
  await t.rejects(
    connect('www.example.test', 80),
    { type: 'connection' } as unknown as Error,
    'and the next time it is checked again',
  )
})

t.test('one bad address among good ones is passed over', async t => {
  const { connect, reached } = open({ answers: [['127.0.0.1', '192.0.2.1']] })
  await connect('www.example.test', 80)
  t.strictSame(reached, ['192.0.2.1 80'])
})

t.test('the next address is tried where one does not answer, four at most', async t => {
  const addresses = Array.from({ length: 6 }, (_, i) => `192.0.2.${i + 1}`)
  const some = open({ answers: [addresses], fails: address => address !== '192.0.2.3' })
  await some.connect('www.example.test', 80)
  t.equal(some.reached.length, 3)
  const none = open({ answers: [addresses], fails: () => true })
  await t.rejects(none.connect('www.example.test', 80), {
    type: 'connection',
    message: /ECONNREFUSED/,
  } as unknown as Error)
  t.equal(none.reached.length, 4)
})

t.test('a name without addresses is a problem of DNS', async t => {
  await t.rejects(open().connect('www.example.test', 80), { type: 'dns', message: /no address/ } as unknown as Error)
})

t.test('a host that never ends its answer holds no socket for ever', async t => {
  const { connect, closed, clock } = open({ answers: [['192.0.2.1'], ['192.0.2.2']] })
  await connect('www.example.test', 80)
  const done = await connect('www.example.test', 80)
  done.close()
  t.strictSame(closed, ['192.0.2.2'], 'who is done closes it')
  await clock.advance(10_000)
  t.strictSame(closed, ['192.0.2.2', '192.0.2.1'], 'once each')
  t.equal(clock.pending(), 0)
})
