import { readFileSync } from 'node:fs'
import t from 'tap'
import { TextError } from '../../dns/errors.ts'
import { parseRdataText, printRdata, readRdata, Type } from '../../dns/types.ts'

const vectors: {
  valid: { name: string; type: 'SVCB' | 'HTTPS'; text: string; wire: string }[]
  malformed: { name: string; text: string }[]
} = JSON.parse(readFileSync(new URL('../vectors/rfc9460-d.json', import.meta.url), 'utf8'))

t.test('RFC 9460 appendix D', async t => {
  for (const { name, type, text, wire } of vectors.valid) {
    const rdata = parseRdataText(Type[type], text)
    t.equal(Buffer.from(rdata).toString('hex'), wire, name)
    t.same(parseRdataText(Type[type], printRdata(Type[type], rdata)), rdata, `${name}, printed`)
  }
  for (const { name, text } of vectors.malformed) t.throws(() => parseRdataText(Type.SVCB, text), TextError, name)
})

t.test('parameters as fields', async t => {
  const { params } = readRdata('SVCB', parseRdataText(Type.SVCB, '1 . port=53 alpn=h2'))
  t.same(params, [
    { key: 1, value: Uint8Array.of(2, 0x68, 0x32) },
    { key: 3, value: Uint8Array.of(0, 53) },
  ])
})
