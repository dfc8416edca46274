import fc from 'fast-check'
import t from 'tap'
import { certificateField, certificateIn } from '../../../server/listen/certificate-field.ts'
import { LONGEST_HEADER, readProxyHeader, writeProxyHeader } from '../../../server/listen/proxy-header.ts'

const peer = {
  address: Uint8Array.of(192, 0, 2, 9),
  port: 8080,
  destination: Uint8Array.of(198, 51, 100, 5),
  destinationPort: 443,
}

t.test('what a client has shown comes out of the header as it went in', async t => {
  const shown = fc.option(
    fc.oneof(
      fc.constant({ verified: false as const }),
      fc.uint8Array({ minLength: 1, maxLength: 60_000 }).map(der => ({ verified: true as const, der })),
    ),
    { nil: undefined },
  )
  fc.assert(
    fc.property(shown, shown => {
      const octets = Buffer.concat([writeProxyHeader(peer, certificateField(shown)), Buffer.from('GET / HTTP/1.1')])
      const header = readProxyHeader(octets, 0, octets.length, LONGEST_HEADER)
      t.match(header?.from, peer)
      t.same(certificateIn(octets.subarray(header!.fieldsAt, header!.length)), shown)
      t.equal(octets.toString('latin1', header!.length), 'GET / HTTP/1.1')
    }),
    { numRuns: 50 },
  )
})

t.test('a certificate that no header holds counts as one that did not verify', async t => {
  const field = certificateField({ verified: true, der: new Uint8Array(60_001) })
  t.same(certificateIn(field), { verified: false })
})

t.test('fields are found beside others, and only where they are whole', async t => {
  const der = Uint8Array.of(0x30, 0)
  const field = certificateField({ verified: true, der })
  const other = Uint8Array.of(0x04, 0, 2, 0x20, 0x28)
  t.same(certificateIn(Buffer.concat([other, field])), { verified: true, der })
  t.same(certificateIn(other), undefined)
  for (let length = 0; length < field.length; length++) t.equal(certificateIn(field.subarray(0, length)), undefined)
  // PP2_CLIENT_SSL alone: a client without a certificate.
  t.equal(certificateIn(Uint8Array.of(0x20, 0, 5, 1, 0, 0, 0, 0)), undefined)
  t.same(certificateIn(Uint8Array.of(0x20, 0, 5, 3, 0, 0, 0, 0)), { verified: false }, 'verified, but not there')
})

t.test('what proxies from outside may send is bounded all the same', async t => {
  const octets = writeProxyHeader(peer, certificateField({ verified: true, der: new Uint8Array(2000) }))
  t.equal(readProxyHeader(octets, 0, octets.length), null)
})
