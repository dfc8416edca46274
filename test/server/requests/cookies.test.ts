import t from 'tap'
import { addressBytes } from '../../../config/address.ts'
import { Query } from '../../../dns/query.ts'
import { COOKIE, Cookies, isCookie } from '../../../server/requests/cookies.ts'

const hex = (text: string): Buffer => Buffer.from(text, 'hex')

/** A query with a cookie, as far as cookies look at it. */
function queryWith(cookie: Uint8Array): Query {
  const query = new Query()
  query.hasCookie = true
  query.cookieBuf = cookie
  query.cookieLength = cookie.length
  return query
}

function cookiesOf(...secrets: string[]): Cookies {
  const cookies = new Cookies(7)
  cookies.useSecrets(secrets.map(hex))
  return cookies
}

const SECRET = 'e5e973e5a6b2a43f48e7dc849e37bfcf'

t.test('the test vectors of RFC 9018, Appendix A', async t => {
  const vectors: {
    name: string
    cookie: string
    address: string
    now: number
    valid: boolean
    reply: string
    secrets: string[]
  }[] = [
    {
      name: 'A.1 learning a new server cookie',
      cookie: '2464c4abcf10c957',
      address: '198.51.100.100',
      now: 1559731985,
      valid: false,
      reply: '2464c4abcf10c957010000005cf79f111f8130c3eee29480',
      secrets: [SECRET],
    },
    {
      name: 'A.2 the same client learning a renewed (fresh) server cookie',
      cookie: '2464c4abcf10c957010000005cf79f111f8130c3eee29480',
      address: '198.51.100.100',
      now: 1559734385,
      valid: true,
      reply: '2464c4abcf10c957010000005cf7a871d4a564a1442aca77',
      secrets: [SECRET],
    },
    {
      name: 'A.3 another client, whose cookie has another value in Reserved, learning a renewed one',
      cookie: 'fc93fc62807ddb8601abcdef5cf78f71a314227b6679ebf5',
      address: '203.0.113.203',
      // By §4.3 the cookie is too old by then: that it was good is shown below.
      now: 1559734700,
      valid: false,
      reply: 'fc93fc62807ddb86010000005cf7a9acf73a7810aca2381e',
      secrets: [SECRET],
    },
    {
      name: 'A.4 IPv6, and a secret that has been replaced',
      cookie: '22681ab97d52c298010000005cf7c57926556bd0934c72f8',
      address: '2001:db8:220:1:59de:d0f4:8769:82b8',
      now: 1559741961,
      valid: true,
      reply: '22681ab97d52c298010000005cf7c609a6bb79d16625507a',
      secrets: ['445536bcd2513298075a5d379663c962', 'dd3bdf9344b678b185a6f5cb60fca715'],
    },
  ]
  for (const { name, cookie, address, now, valid, reply, secrets } of vectors)
    t.test(name, async t => {
      const cookies = cookiesOf(...secrets)
      t.equal(cookies.check(queryWith(hex(cookie)), addressBytes(address)!, now), valid)
      t.equal(Buffer.from(cookies.made).toString('hex'), reply)
    })
})

t.test('the cookie of A.3 was good in its time: Reserved is hashed as it came', async t => {
  const query = queryWith(hex('fc93fc62807ddb8601abcdef5cf78f71a314227b6679ebf5'))
  t.ok(cookiesOf(SECRET).check(query, addressBytes('203.0.113.203')!, 1559728000))
})

t.test('RFC 7873 §5.2.2: lengths that a COOKIE may have', async t => {
  const lengths = Array.from({ length: 60 }, (_, length) => length).filter(isCookie)
  t.same(lengths, [8, ...Array.from({ length: 25 }, (_, i) => 16 + i)])
})

t.test('what a server cookie is good for', async t => {
  const home = addressBytes('192.0.2.1')!
  const client = hex('0102030405060708')
  const at = 1_700_000_000
  const fresh = (cookies: Cookies): Buffer => {
    cookies.check(queryWith(client), home, at)
    return Buffer.from(cookies.made)
  }
  const flipped = (cookie: Buffer, at: number): Buffer =>
    Buffer.from(cookie.map((octet, i) => (i === at ? octet ^ 1 : octet)))

  for (const [name, change, address, now, valid] of [
    ['at once', undefined, home, at, true],
    ['after an hour, less a second', undefined, home, at + 3600, true],
    ['after an hour (RFC 9018 §4.3)', undefined, home, at + 3601, false],
    ['of a server whose clock is 5 minutes ahead', undefined, home, at - 300, true],
    ['of one that is further ahead', undefined, home, at - 301, false],
    ['from another address', undefined, addressBytes('192.0.2.2')!, at, false],
    ['from an address of the other family', undefined, addressBytes('2001:db8::1')!, at, false],
    ['with another client cookie', 0, home, at, false],
    ['of another version', 8, home, at, false],
    ['with another hash', 23, home, at, false],
  ] as const)
    for (const memory of ['remembered', 'by its hash']) {
      t.test(`${name}, ${memory}: ${valid ? 'good' : 'bad'}`, async t => {
        const maker = cookiesOf(SECRET)
        const cookie = fresh(maker)
        const checker = memory === 'remembered' ? maker : cookiesOf(SECRET)
        const shown = change === undefined ? cookie : flipped(cookie, change)
        t.equal(checker.check(queryWith(shown), address, now), valid)
      })
    }

  t.test('a young cookie is given back as it is, one of half an hour is renewed (RFC 9018 §4.3)', async t => {
    const cookies = cookiesOf(SECRET)
    const cookie = fresh(cookies)
    cookies.check(queryWith(cookie), home, at + 1800)
    t.same(Buffer.from(cookies.made), cookie)
    cookies.check(queryWith(cookie), home, at + 1801)
    t.notSame(Buffer.from(cookies.made), cookie)
    t.ok(cookies.check(queryWith(Buffer.from(cookies.made)), home, at + 1801))
  })

  t.test('one of another length, as other servers make them, is not ours', async t => {
    const cookies = cookiesOf(SECRET)
    t.notOk(cookies.check(queryWith(Buffer.concat([fresh(cookies), hex('00')])), home, at))
    t.notOk(cookies.check(queryWith(Buffer.concat([client, hex('0102030405060708')])), home, at))
    t.equal(cookies.made.length, COOKIE)
  })

  t.test('a secret that was withdrawn is not good any more', async t => {
    const cookies = cookiesOf(SECRET)
    const cookie = fresh(cookies)
    cookies.useSecrets([hex('00'.repeat(16))])
    t.notOk(cookies.check(queryWith(cookie), home, at))
  })

  t.test('ten thousand clients at once, more than are remembered', async t => {
    const cookies = cookiesOf(SECRET)
    const all = Array.from({ length: 10_000 }, (_, i) => {
      const address = Uint8Array.of(10, 0, i >> 8, i & 255)
      cookies.check(queryWith(client), address, at)
      return { address, cookie: Buffer.from(cookies.made) }
    })
    t.ok(all.every(({ address, cookie }) => cookies.check(queryWith(cookie), address, at)))
    t.notOk(all.some(({ address }, i) => cookies.check(queryWith(all[(i + 1) % all.length]!.cookie), address, at)))
  })
})
