import t from 'tap'
import { type Edns, readEdns, writeEdns } from '../../dns/edns.ts'
import { WireError } from '../../dns/errors.ts'
import { Reader, Writer } from '../../dns/wire.ts'

const hex = (text: string) => new Uint8Array(Buffer.from(text.replaceAll(' ', ''), 'hex'))

t.test('RFC 6891 §6.1.2, §6.1.3', async t => {
  const edns: Edns = {
    udpSize: 1232,
    version: 0,
    dnssecOk: true,
    options: [
      { code: 3, data: new Uint8Array() },
      { code: 10, data: hex('0102030405060708') },
    ],
  }
  const writer = new Writer()
  writeEdns(writer, edns, 16)
  const wire = Buffer.from(writer.copy()).toString('hex')
  t.equal(wire, '00 0029 04d0 01 00 8000 0010 0003 0000 000a 0008 0102030405060708'.replaceAll(' ', ''))
  const reader = new Reader(writer.copy(), 3)
  t.same(readEdns(reader), { edns, extendedRcode: 1 }, 'the upper eight bits of RCODE 16')
  t.equal(reader.left, 0)
})

t.test('OPT that is refused', async t => {
  const rows: [what: string, wire: string][] = [
    ['RDATA past the end', '04d0 00 00 0000 0004 0003'],
    ['an option past the end of RDATA', '04d0 00 00 0000 0004 0003 0001'],
    ['half an option', '04d0 00 00 0000 0002 0003'],
    ['no flags', '04d0 00 00'],
  ]
  for (const [what, wire] of rows) t.throws(() => readEdns(new Reader(hex(wire))), WireError, what)
})

t.test('RFC 6891 §6.1.4: flags that we do not know are ignored', async t => {
  const { edns } = readEdns(new Reader(hex('1000 00 05 7fff 0000')))
  t.same(edns, { udpSize: 4096, version: 5, dnssecOk: false, options: [] })
})
