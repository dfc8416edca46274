import fc from 'fast-check'
import t from 'tap'
import { CompressionError, FieldDecoder } from '../../../../server/listen/http2/hpack.ts'
import { decodeHuffman } from '../../../../server/listen/http2/huffman.ts'
import { FieldName, STATIC_TABLE } from '../../../../server/listen/http2/static-table.ts'

const decoder = () => new FieldDecoder(new Uint8Array(4096))
const NAMES = Object.fromEntries(Object.entries(FieldName).map(([name, value]) => [value, name]))
const octets = (hex: string) => Buffer.from(hex.replaceAll(' ', ''), 'hex')

/** "METHOD GET", and so on. */
function fields(decoder: FieldDecoder, section: Uint8Array): string[] {
  const out: string[] = []
  decoder.decode(section, 0, section.length, (name, value, at, end) =>
    out.push(`${NAMES[name]} ${Buffer.from(value.subarray(at, end)).toString('latin1')}`),
  )
  return out
}

const FIRST = ['METHOD GET', 'SCHEME http', 'PATH /', 'AUTHORITY www.example.com']
const REQUESTS: [string, string, string, string][] = [
  [
    'C.3: requests, without Huffman codes',
    '828684410f7777772e6578616d706c652e636f6d',
    '828684be58086e6f2d6361636865',
    '828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565',
  ],
  [
    'C.4: requests, with Huffman codes',
    '828684418cf1e3c2e5f23a6ba0ab90f4ff',
    '828684be5886a8eb10649cbf',
    '828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf',
  ],
]

t.test('RFC 7541 Appendix C', async t => {
  for (const [name, first, second, third] of REQUESTS)
    t.test(name, async t => {
      const requests = decoder()
      t.same(fields(requests, octets(first)), FIRST)
      t.equal(requests.size, 57)
      t.same(fields(requests, octets(second)), [...FIRST, 'OTHER no-cache'])
      t.equal(requests.size, 110)
      t.same(fields(requests, octets(third)), [
        ...['METHOD GET', 'SCHEME https', 'PATH /index.html', 'AUTHORITY www.example.com', 'OTHER custom-value'],
      ])
      t.equal(requests.size, 164)
    })

  t.test('C.5: a table of 256 octets forgets the oldest', async t => {
    const responses = decoder()
    // The table becomes that small by an update (§6.3), 31 + 225.
    const first = octets(
      `3fe101 4803333032580770726976617465611d4d6f6e2c203231204f637420323031332032303a31333a323120474d54
       6e1768747470733a2f2f7777772e6578616d706c652e636f6d`.replace(/\s/g, ''),
    )
    t.equal(fields(responses, first).length, 4)
    t.equal(responses.size, 222)
    t.same(fields(responses, octets('4803333037c1c0bf')), [
      ...['FORBIDDEN 307', 'OTHER private', 'OTHER Mon, 21 Oct 2013 20:13:21 GMT', 'OTHER https://www.example.com'],
    ])
    t.equal(responses.size, 222)
  })
})

t.test('what breaks RFC 7541 is an error', async t => {
  const cases: [string, string][] = [
    ['§6.1 the index 0', '80'],
    ['§2.3.3 an index beyond both tables', 'be'],
    ['§5.1 an integer that does not end', '7f ffffffff ffffffff'],
    ['§5.1 an integer that ends with the section', '7f'],
    ['§5.2 a string that is longer than the section', '00 05 61'],
    ['§5.2 padding of more than seven bits', '00 81 ff 00'],
    ['§5.2 padding that is not of ones', '00 81 1a 00'],
    ['§5.2 EOS within a string', '00 84 ffffffff 00'],
    ['§4.2 a size update after a field', '82 20'],
    ['§6.3 a table larger than was allowed', '3fe2 1f'.replace(' ', '')],
  ]
  for (const [name, section] of cases) t.throws(() => fields(decoder(), octets(section)), CompressionError, name)
})

t.test('what a string may not have room for is an error', async t => {
  const small = new FieldDecoder(new Uint8Array(4))
  t.throws(() => fields(small, octets('828684418cf1e3c2e5f23a6ba0ab90f4ff')), CompressionError)
})

t.test('§4.4 a field larger than the table empties it', async t => {
  const tables = decoder()
  fields(tables, octets('410f7777772e6578616d706c652e636f6d'))
  const large = Buffer.concat([octets('41 7f 81 1f'), Buffer.alloc(4096, 'a')])
  t.equal(fields(tables, large).length, 1)
  t.equal(tables.size, 0)
})

t.test('names that no request of HTTP/2 may have (RFC 9113 §8.2)', async t => {
  const literal = (name: string) => Buffer.concat([Buffer.of(0, name.length), Buffer.from(name), Buffer.of(1, 0x61)])
  for (const name of ['Upper', 'connection', 'transfer-encoding', 'upgrade', 'keep-alive', ':unknown', 'a b', ''])
    t.same(fields(decoder(), literal(name)), ['FORBIDDEN a'], `"${name}"`)
  for (const name of ['accept', 'x-anything', 'constructor', '__proto__'])
    t.same(fields(decoder(), literal(name)), ['OTHER a'])
})

t.test('the static table has 61 fields, and the ones that a request needs', async t => {
  t.equal(STATIC_TABLE.length, 61)
  t.same(fields(decoder(), octets('83 87 84')), ['METHOD POST', 'SCHEME https', 'PATH /'])
})

t.test('a decoder of Huffman codes never writes beyond its room, and never throws', async () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), fc.integer({ min: 0, max: 60 }), (code, room) => {
      const end = decodeHuffman(code, 0, code.length, new Uint8Array(room), 0)
      return end >= -1 && end <= room
    }),
  )
})
