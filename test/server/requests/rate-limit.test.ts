import { createSocket } from 'node:dgram'
import t from 'tap'
import { addressBytes, parsePrefix } from '../../../config/address.ts'
import type { RateLimitConfig } from '../../../config/schema.ts'
import { Flag, OptionCode, Rcode } from '../../../dns/codes.ts'
import { type Message, parseMessage, writeMessage } from '../../../dns/message.ts'
import { parseName } from '../../../dns/name.ts'
import { Query, readQuery } from '../../../dns/query.ts'
import { signRequest } from '../../../dns/tsig.ts'
import { tsigKey } from '../../../dns/tsig-record.ts'
import { createRateTable, RateLimiter } from '../../../server/requests/rate-limit.ts'
import { EDNS, exchangeUdp, FrameClient, queryMessage, type Served, serve, servingConfig } from '../serving.ts'

const CONFIG: RateLimitConfig = {
  responses: 5,
  all: 0,
  window: 15_000,
  slip: 0,
  ipv4_prefix: 24,
  ipv6_prefix: 56,
  exempt: [],
}

function limiterOf(config: Partial<RateLimitConfig> = {}, table = createRateTable(1)): RateLimiter {
  const limiter = new RateLimiter(table)
  limiter.configure({ ...CONFIG, ...config })
  limiter.setTime(0)
  return limiter
}

/** A response of that kind to a query for `name`, and the query. */
function responseTo(name: string, more: Partial<Message> = {}, answered = true): [Query, Uint8Array] {
  const message = queryMessage({ name })
  const wire = writeMessage(message)
  const query = new Query()
  readQuery(wire, 0, wire.length, query)
  const record = { owner: parseName(name), type: 1, class: 1, ttl: 1, rdata: Uint8Array.of(1, 2, 3, 4) }
  const flags = Flag.QR | Flag.AA
  return [query, writeMessage({ ...message, flags, answer: answered ? [record] : [], ...more })]
}

const soa = { owner: parseName('a.'), type: 6, class: 1, ttl: 1, rdata: Buffer.concat([Buffer.alloc(22)]) }

/** How many of `count` responses at once pass. */
function passed(limiter: RateLimiter, count: number, address: string, [query, wire]: [Query, Uint8Array]): number {
  let sent = 0
  for (let i = 0; i < count; i++) if (limiter.charge(query, addressBytes(address)!, wire, 0) === 'send') sent++
  return sent
}

const www = responseTo('www.a.')

t.test('accounts', async t => {
  t.test('as many as are allowed in a second, at once', async t =>
    t.equal(passed(limiterOf(), 50, '192.0.2.1', www), 5),
  )
  t.test('and as many again in each second that follows at that rate', async t => {
    const limiter = limiterOf()
    let sent = 0
    for (let time = 0; time < 10_000; time += 200) {
      limiter.setTime(time)
      sent += passed(limiter, 1, '192.0.2.1', www)
    }
    t.equal(sent, 50)
  })
  t.test('who floods on gets nothing, and is free a window after it has become quiet', async t => {
    const limiter = limiterOf()
    passed(limiter, 500, '192.0.2.1', www)
    limiter.setTime(14_000)
    t.equal(passed(limiter, 1, '192.0.2.1', www), 0)
    limiter.setTime(14_000 + 15_800)
    t.equal(passed(limiter, 1, '192.0.2.1', www), 1)
  })
  t.test('one name does not pay for another, whatever its case', async t => {
    const limiter = limiterOf()
    t.equal(passed(limiter, 9, '192.0.2.1', www), 5)
    t.equal(passed(limiter, 9, '192.0.2.1', responseTo('WWW.A.')), 0)
    t.equal(passed(limiter, 9, '192.0.2.1', responseTo('other.a.')), 5)
  })
  t.test('one network does not pay for another', async t => {
    const limiter = limiterOf()
    t.equal(passed(limiter, 9, '192.0.2.1', www), 5)
    t.equal(passed(limiter, 9, '192.0.2.200', www), 0, 'of the same /24')
    t.equal(passed(limiter, 9, '192.0.3.1', www), 5)
    t.equal(passed(limiter, 9, '2001:db8:0:100::1', www), 5)
    t.equal(passed(limiter, 9, '2001:db8:0:1ff::1', www), 0, 'of the same /56')
    t.equal(passed(limiter, 9, '2001:db8:0:200::1', www), 5)
  })
  t.test('prefixes that end within an octet', async t => {
    const limiter = limiterOf({ ipv4_prefix: 20 })
    t.equal(passed(limiter, 9, '10.0.16.1', www), 5)
    t.equal(passed(limiter, 9, '10.0.31.1', www), 0)
    t.equal(passed(limiter, 9, '10.0.32.1', www), 5)
  })
  t.test('each kind of response has its own rate, and its own account; names count only for answers', async t => {
    const limiter = limiterOf({ nodata: 4, nxdomains: 3, referrals: 2, errors: 1 })
    const kinds: [string, Partial<Message>, boolean, number][] = [
      ['answers', {}, true, 5],
      ['nodata', { authority: [soa] }, false, 4],
      ['nxdomains', { rcode: Rcode.NXDOMAIN, authority: [soa] }, false, 3],
      ['referrals', { flags: Flag.QR, authority: [{ ...soa, type: 2, rdata: Uint8Array.of(0) }] }, false, 2],
      ['errors', { rcode: Rcode.REFUSED }, false, 1],
    ]
    for (const [name, more, answered, count] of kinds)
      t.equal(passed(limiter, 20, '192.0.2.1', responseTo('www.a.', more, answered)), count, name)
    t.equal(passed(limiter, 9, '192.0.2.1', responseTo('x.a.', { rcode: Rcode.NXDOMAIN }, false)), 0)
  })
  t.test('a rate of 0 is without limit; `all` counts everything', async t => {
    t.equal(passed(limiterOf({ responses: 0 }), 5000, '192.0.2.1', www), 5000)
    const limiter = limiterOf({ responses: 0, all: 10 })
    const names = Array.from({ length: 30 }, (_, i) => passed(limiter, 1, '192.0.2.1', responseTo(`w${i}.a.`)))
    t.equal(
      names.reduce((sum, one) => sum + one),
      10,
    )
  })
  t.test('slip: every so-manieth', async t => {
    const limiter = limiterOf({ slip: 3 })
    const verdicts = Array.from({ length: 35 }, () => limiter.charge(www[0], addressBytes('192.0.2.1')!, www[1], 0))
    t.equal(verdicts.filter(verdict => verdict === 'send').length, 5)
    t.equal(verdicts.filter(verdict => verdict === 'slip').length, 10)
  })
  t.test('threads share the accounts', async t => {
    const table = createRateTable(1)
    const [one, other] = [limiterOf({}, table), limiterOf({}, table)]
    t.equal(passed(one, 3, '192.0.2.1', www) + passed(other, 9, '192.0.2.1', www), 5)
  })
  t.test('more networks than there is memory for: nobody who is quiet is limited', async t => {
    const limiter = limiterOf({ ipv4_prefix: 32 })
    for (let i = 0; i < 300_000; i++)
      limiter.charge(www[0], Uint8Array.of(10, i >> 16, (i >> 8) & 255, i & 255), www[1], 0)
    limiter.setTime(2000)
    t.equal(passed(limiter, 9, '192.0.2.1', www), 5)
  })
  t.test('the clock wraps', async t => {
    const limiter = limiterOf()
    const wrap = 2 ** 31 / 32
    limiter.setTime(wrap - 100)
    t.equal(passed(limiter, 9, '192.0.2.1', www), 5)
    limiter.setTime(wrap + 100)
    t.equal(passed(limiter, 9, '192.0.2.1', www), 0)
    limiter.setTime(2 * wrap)
    t.equal(passed(limiter, 9, '192.0.2.1', www), 5)
  })
  t.test('exempt addresses, and no configuration', async t => {
    const exempt = [parsePrefix('192.0.2.0/25')!]
    t.notOk(limiterOf({ exempt }).concerns(addressBytes('192.0.2.1')!))
    t.ok(limiterOf({ exempt }).concerns(addressBytes('192.0.2.129')!))
    t.notOk(new RateLimiter(createRateTable(1)).concerns(addressBytes('192.0.2.1')!))
  })
})

const SECRET = Buffer.alloc(32, 7)
const YAML = (limits: string): string => `
rate_limit: ${limits}
keys: [{ name: k, secret: ${SECRET.toString('base64')} }]
views:
  - name: all
    match: { clients: [any], keys: [k] }
    zones: [{ name: a.example, file: a.zone }]
`
const ZONE = '$TTL 300\n@ SOA ns h 1 2 3 4 60\n@ NS ns\nns A 127.0.0.1\nwww A 192.0.2.1\n'

async function serveHere(t: { teardown(task: () => unknown): void }, limits: string): Promise<Served> {
  const served = await serve({ config: YAML(limits), zones: { 'all a.example.': ZONE } })
  t.teardown(() => served.stop())
  return served
}

t.test('over the wire', async t => {
  const wire = (more: Partial<Message> = {}): Uint8Array =>
    writeMessage({ ...queryMessage({ name: 'www.a.example.' }), ...more })
  const withCookie = (data: Uint8Array): Partial<Message> => ({
    edns: { ...EDNS, options: [{ code: OptionCode.COOKIE, data }] },
  })
  /** With `slip: 1` every query is answered, so that none has to be waited for in vain. */
  const ask = async (served: Served, octets: Uint8Array): Promise<Message> =>
    parseMessage(await exchangeUdp(served.dns, octets))

  t.test('a limited client is told to come by TCP, where it is not limited', async t => {
    const served = await serveHere(t, '{ responses: 1, slip: 1 }')
    t.equal((await ask(served, wire())).answer.length, 1)
    const brief = await ask(served, wire())
    t.ok(brief.flags & Flag.TC)
    t.equal(brief.answer.length, 0)
    t.equal(brief.question.length, 1)
    const client = new FrameClient(served.dns)
    client.send(wire(), wire(), wire())
    t.same(
      (await client.messages(3)).map(octets => parseMessage(octets).answer.length),
      [1, 1, 1],
    )
    await client.end()
    t.match(served.workers.metrics(), /rate_limited_total\{action="slipped"\} 1/)
  })
  t.test('one with a client cookie is told BADCOOKIE, and with the cookie it has got it is not limited', async t => {
    const served = await serveHere(t, '{ responses: 1, slip: 1 }')
    const first = await ask(served, wire())
    t.equal(first.rcode, Rcode.NOERROR)
    const told = await ask(served, wire(withCookie(Buffer.alloc(8, 1))))
    t.equal(told.rcode, Rcode.BADCOOKIE)
    const cookie = told.edns!.options[0]!.data
    for (let i = 0; i < 5; i++) {
      const answer = await ask(served, wire(withCookie(cookie)))
      t.equal(answer.rcode, Rcode.NOERROR)
      t.equal(answer.answer.length, 1)
    }
  })
  t.test('signed requests are not limited', async t => {
    const served = await serveHere(t, '{ responses: 1, slip: 1 }')
    const key = tsigKey(parseName('k.'), 'hmac-sha256', [SECRET])
    for (let i = 0; i < 4; i++) {
      const signed = signRequest(wire(), key, Math.floor(Date.now() / 1000)).wire
      t.equal((await ask(served, signed)).answer.length, 1)
    }
  })
  t.test('listed clients are not limited', async t => {
    const served = await serveHere(t, '{ responses: 1, slip: 1, exempt: [127.0.0.0/8] }')
    for (let i = 0; i < 4; i++) t.equal((await ask(served, wire())).answer.length, 1)
  })
  t.test('refusals are limited as well, and those that slip stay as they are', async t => {
    const served = await serveHere(t, '{ responses: 1, slip: 1 }')
    for (let i = 0; i < 3; i++) {
      const reply = await ask(served, writeMessage(queryMessage({ name: 'b.example.' })))
      t.equal(reply.rcode, Rcode.REFUSED)
      t.notOk(reply.flags & Flag.TC)
    }
    t.match(served.workers.metrics(), /rate_limited_total\{action="slipped"\} 2/)
  })
  t.test('without slip there is silence', async t => {
    const served = await serveHere(t, '{ responses: 1, slip: 0 }')
    await ask(served, wire())
    const socket = createSocket('udp4')
    await new Promise(resolve => socket.send(wire(), served.dns.port, served.dns.address, resolve))
    socket.close()
    await ask(served, writeMessage(queryMessage({ name: 'ns.a.example.' })))
    t.match(served.workers.metrics(), /rate_limited_total\{action="dropped"\} 1/)
  })
  t.test('a reload takes the limits away', async t => {
    const served = await serveHere(t, '{ responses: 1, slip: 1 }')
    await ask(served, wire())
    t.ok((await ask(served, wire())).flags & Flag.TC)
    const { rate_limit: _, ...config } = served.config
    served.workers.configure(servingConfig(config), served.zones)
    t.equal((await ask(served, wire())).answer.length, 1)
  })
})
