import fc from 'fast-check'
import t from 'tap'
import { WireError } from '../../dns/errors.ts'
import { parseName, printName } from '../../dns/name.ts'
import { equalOctets, readRecord, writeRecord } from '../../dns/record.ts'
import { Reader, Writer } from '../../dns/wire.ts'
import { arbitraryRecord } from './arbitraries.ts'

const hex = (text: string) => new Uint8Array(Buffer.from(text.replaceAll(' ', ''), 'hex'))

t.test('any record comes back', async () => {
  fc.assert(
    fc.property(arbitraryRecord, record => {
      const writer = new Writer()
      writeRecord(writer, record)
      const back = readRecord(new Reader(writer.copy()))
      return back.ttl === record.ttl && equalOctets(back.owner, record.owner) && equalOctets(back.rdata, record.rdata)
    }),
    { numRuns: 300 },
  )
})

t.test('RFC 1035 §4.1.3', async t => {
  const reader = new Reader(hex('0161 00 000f 0001 0000003c 0006 000a 0162 c000 ff'))
  const record = readRecord(reader)
  t.same([printName(record.owner), record.type, record.class, record.ttl], ['a.', 15, 1, 60])
  t.same(record.rdata, hex('000a 0162 0161 00'), 'names in RDATA come out whole')
  t.equal(reader.left, 1, 'and what follows is left')
})

t.test('records that are refused', async t => {
  const rows: [what: string, wire: string][] = [
    ['RDLENGTH past the end', '00 0001 0001 0000003c 0004 c00002'],
    ['RDLENGTH longer than the data', '00 0001 0001 0000003c 0005 c000020100'],
    ['RDLENGTH shorter than the data', '00 0002 0001 0000003c 0002 016100'],
    ['no RDLENGTH', '00 0001 0001 0000003c'],
  ]
  for (const [what, wire] of rows) t.throws(() => readRecord(new Reader(hex(wire))), WireError, what)
})

t.test('octets', async t => {
  t.ok(equalOctets(parseName('a.'), parseName('a.')))
  t.notOk(equalOctets(parseName('a.'), parseName('A.')), 'case counts here')
})
