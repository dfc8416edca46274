import fc from 'fast-check'
import t from 'tap'
import { WireError } from '../../dns/errors.ts'
import { equalNames, parseName, printName } from '../../dns/name.ts'
import { Reader, Writer } from '../../dns/wire.ts'
import { arbitraryName } from './arbitraries.ts'

const hex = (text: string) => new Uint8Array(Buffer.from(text.replaceAll(' ', ''), 'hex'))
const show = (octets: Uint8Array) => Buffer.from(octets).toString('hex')

t.test('numbers', async t => {
  const writer = new Writer({ size: 1 })
  writer.u8(0xab)
  writer.u16(0xcdef)
  writer.u32(0xfedcba98)
  writer.u48(0xf123456789ab)
  writer.bytes(Uint8Array.of(1, 2, 3))
  writer.patchU16(1, 0x1234)
  t.equal(show(writer.copy()), 'ab1234fedcba98f123456789ab010203')
  const reader = new Reader(writer.done())
  t.strictSame(
    [reader.u8(), reader.u16(), reader.u32(), reader.u48(), reader.left],
    [0xab, 0x1234, 0xfedcba98, 0xf123456789ab, 3],
  )
  t.equal(show(reader.rest()), '010203')
  t.throws(() => reader.u8(), WireError)
  t.throws(() => new Reader(hex('01')).u16(), WireError)
  t.throws(() => new Reader(hex('010203')).u32(), WireError)
  t.throws(() => new Reader(hex('01'), 0).bytes(2), { message: '2 octets expected, 1 left at octet 0' })
  t.throws(() => new Reader(hex('0102'), 0, 1).u16(), WireError, 'nothing is read past the end that was given')
})

t.test('RFC 1035 §4.1.4: the names of its example', async t => {
  const message = new Uint8Array(93)
  message.set(hex('014603495349044152504100'), 20)
  message.set(hex('03464f4fc014'), 40)
  message.set(hex('c01a'), 64)
  message.set(hex('00'), 92)
  const at = (pos: number) => {
    const reader = new Reader(message, pos)
    return [printName(reader.name()), reader.pos]
  }
  t.strictSame(at(20), ['F.ISI.ARPA.', 32])
  t.strictSame(at(40), ['FOO.F.ISI.ARPA.', 46])
  t.strictSame(at(64), ['ARPA.', 66])
  t.strictSame(at(92), ['.', 93])
})

t.test('names that are refused', async t => {
  const rows: [what: string, wire: string, at: number][] = [
    ['a pointer to itself', 'c000', 0],
    ['a pointer forwards', 'c002 00', 0],
    ['two pointers in a circle', 'c002c000', 2],
    ['a name that points into itself', '0161c000', 0],
    ['a pointer cut short', 'c0', 0],
    ['a label cut short', '0361', 0],
    ['a name without its end', '0161', 0],
    ['a label type of RFC 2673', '4161', 0],
    ['a reserved label type', '8161', 0],
    ['a name of 256 octets', `${'013f'.repeat(126)}02616100`, 0],
    ['nothing at all', '', 0],
  ]
  for (const [what, wire, at] of rows) t.throws(() => new Reader(hex(wire), at).name(), WireError, what)
  t.equal(new Reader(hex(`${'0161'.repeat(127)}00`)).name().length, 255, 'RFC 1035 §2.3.4: 255 octets are allowed')
  t.throws(
    () => new Reader(hex(`${'0161'.repeat(100)}00${'0161'.repeat(100)}c000`), 201).name(),
    WireError,
    'pointers make no name longer',
  )
})

t.test('compression', async t => {
  const writer = new Writer({ compress: true })
  for (const text of ['F.ISI.ARPA.', 'FOO.F.isi.arpa.', 'ARPA.', '.']) writer.name(parseName(text))
  t.equal(show(writer.copy()), `014603495349044152504100${'03464f4f'}c000${'c006'}00`)
  const plain = new Writer({ compress: true })
  plain.name(parseName('a.b.'))
  plain.name(parseName('a.b.'), false)
  plain.truncate(5)
  plain.name(parseName('b.'))
  t.equal(show(plain.copy()), '0161016200c002', 'what was taken back is no target')
  const far = new Writer({ compress: true })
  far.bytes(new Uint8Array(0x4000))
  far.name(parseName('a.'))
  far.name(parseName('a.'))
  t.equal(show(far.copy().subarray(0x4000)), '016100016100', 'a pointer reaches 2^14 octets')
})

t.test('names come back from any message', async () => {
  fc.assert(
    fc.property(fc.array(arbitraryName, { maxLength: 8 }), names => {
      const writer = new Writer({ compress: true, size: 1 })
      for (const name of names) writer.name(name)
      const reader = new Reader(writer.copy())
      return names.every(name => equalNames(reader.name(), name)) && reader.left === 0
    }),
  )
})
