import { AsnConvert, OctetString } from '@peculiar/asn1-schema'
import {
  AccessDescription,
  AttributeTypeAndValue,
  AttributeValue,
  AuthorityInfoAccessSyntax,
  AuthorityKeyIdentifier,
  BasicConstraints,
  CRLDistributionPoints,
  DistributionPoint,
  DistributionPointName,
  ExtendedKeyUsage,
  Extension,
  GeneralName,
  KeyIdentifier,
  KeyUsage,
  Name,
  RelativeDistinguishedName,
  SubjectAlternativeName,
  SubjectKeyIdentifier,
} from '@peculiar/asn1-x509'
import fc from 'fast-check'
import t from 'tap'
import type { Identifier } from '../../../ca/identifier.ts'
import { commonNameOf, distinguishedName } from '../../../ca/x509/distinguished-name.ts'
import {
  authorityInfoAccess,
  authorityKeyIdentifier,
  basicConstraints,
  crlDistributionPoint,
  extendedKeyUsage,
  keyUsage,
  subjectAltName,
  subjectKeyIdentifier,
} from '../../../ca/x509/extensions.ts'

/** What we encode ourselves is, octet for octet, what the ASN.1 library makes of its own objects. */
const theirs = (extnID: string, critical: boolean, value: object) => {
  const extnValue = new OctetString(AsnConvert.serialize(value))
  return Buffer.from(AsnConvert.serialize(new Extension({ extnID, critical, extnValue })))
}
const uri = (url: string) => new GeneralName({ uniformResourceIdentifier: url })
const holds = (property: fc.IRawProperty<unknown>) => fc.assert(property, { numRuns: 60 })

t.test('basic constraints and key usage', async t => {
  const constraints = [{ cA: false }, { cA: true }, { cA: true, pathLenConstraint: 0 }]
  for (const one of constraints)
    t.same(basicConstraints(one.cA, one.pathLenConstraint), theirs('2.5.29.19', true, new BasicConstraints(one)))
  for (let flags = 1; flags < 512; flags++)
    t.same(keyUsage(flags), theirs('2.5.29.15', true, new KeyUsage(flags)), `flags ${flags}`)
})

t.test('purposes and key identifiers', async t => {
  const purposes = new ExtendedKeyUsage(['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2', '1.3.6.1.5.5.7.3.9'])
  t.same(extendedKeyUsage(['server', 'client', 'ocsp']), theirs('2.5.29.37', false, purposes))
  const id = '00ff'.repeat(10)
  const octets = new Uint8Array(Buffer.from(id, 'hex')).buffer
  t.same(subjectKeyIdentifier(id), theirs('2.5.29.14', false, new SubjectKeyIdentifier(octets)))
  const keyIdentifier = new KeyIdentifier(octets)
  t.same(authorityKeyIdentifier(id), theirs('2.5.29.35', false, new AuthorityKeyIdentifier({ keyIdentifier })))
})

const label = fc.stringMatching(/^[a-z0-9]{1,63}$/)
const host = fc.array(label, { minLength: 1, maxLength: 4 }).map(labels => labels.join('.'))
const KINDS = { dns: 'dNSName', ip: 'iPAddress', uri: 'uniformResourceIdentifier', email: 'rfc822Name' } as const
const identifier: fc.Arbitrary<Identifier> = fc.oneof(
  host.map(value => ({ type: 'dns' as const, value })),
  fc
    .oneof(fc.ipV4(), fc.constantFrom('2001:db8::1', '::1', 'fe80::a:b'))
    .map(value => ({ type: 'ip' as const, value })),
  host.map(name => ({ type: 'uri' as const, value: `spiffe://${name}/x` })),
  host.map(name => ({ type: 'email' as const, value: `a@${name}` })),
)

t.test('names', async () => {
  holds(
    fc.property(fc.array(identifier, { minLength: 1, maxLength: 120 }), fc.boolean(), (identifiers, critical) => {
      const names = identifiers.map(({ type, value }) => new GeneralName({ [KINDS[type]]: value }))
      const expected = theirs('2.5.29.17', critical, new SubjectAlternativeName(names))
      return expected.equals(subjectAltName(identifiers, critical))
    }),
  )
})

t.test('pointers', async () => {
  const access = (accessMethod: string, url: string) =>
    new AccessDescription({ accessMethod, accessLocation: uri(url) })
  holds(
    fc.property(fc.webUrl(), fc.webUrl(), (ocsp, issuer) => {
      const list = [access('1.3.6.1.5.5.7.48.1', ocsp), access('1.3.6.1.5.5.7.48.2', issuer)]
      const expected = theirs('1.3.6.1.5.5.7.1.1', false, new AuthorityInfoAccessSyntax(list))
      return expected.equals(authorityInfoAccess({ ocsp, issuer }))
    }),
  )
  holds(
    fc.property(fc.webUrl(), url => {
      const point = new DistributionPoint({ distributionPoint: new DistributionPointName({ fullName: [uri(url)] }) })
      return theirs('2.5.29.31', false, new CRLDistributionPoints([point])).equals(crlDistributionPoint(url))
    }),
  )
})

t.test('distinguished names', async t => {
  holds(
    fc.property(fc.string({ minLength: 1, maxLength: 64, unit: 'binary' }), commonName => {
      const one = (type: string, value: AttributeValue) =>
        new RelativeDistinguishedName([new AttributeTypeAndValue({ type, value })])
      const expected = new Name([
        one('2.5.4.6', new AttributeValue({ printableString: 'DE' })),
        one('2.5.4.3', new AttributeValue({ utf8String: commonName })),
      ])
      const name = distinguishedName({ commonName, country: 'DE' })
      return Buffer.from(AsnConvert.serialize(expected)).equals(name) && commonNameOf(name) === commonName
    }),
  )
  t.equal(commonNameOf(distinguishedName({ organization: 'Example' })), undefined)
})
