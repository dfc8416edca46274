import { KeyUsageFlags } from '@peculiar/asn1-x509'
import t from 'tap'
import { lint } from '../../../ca/issue/lint.ts'
import { distinguishedName } from '../../../ca/x509/distinguished-name.ts'
import {
  authorityKeyIdentifier,
  basicConstraints,
  extendedKeyUsage,
  keyUsage,
  subjectAltName,
} from '../../../ca/x509/extensions.ts'
import { type CertificateTemplate, encodeTbsCertificate } from '../../../ca/x509/x509.ts'
import { constrained, DAY, dns, leafKey, openFixture } from '../fixture.ts'

const { hierarchy, clock } = await openFixture({ settings: { intermediate: constrained } })
const issuer = hierarchy.current()
const name = 'www.internal.example.com'

const extensions = {
  basic: basicConstraints(false),
  usage: keyUsage(KeyUsageFlags.digitalSignature),
  purposes: extendedKeyUsage(['server']),
  authority: authorityKeyIdentifier(issuer.id),
  names: subjectAltName(dns(name), false),
}

const good: CertificateTemplate = {
  serial: 'a1'.repeat(16),
  issuer: issuer.subject,
  subject: distinguishedName({ commonName: name }),
  notBefore: clock.now(),
  notAfter: clock.now() + DAY,
  publicKey: leafKey.publicKey,
  extensions: Object.values(extensions),
}

const findings = (change: Partial<CertificateTemplate>) =>
  lint(encodeTbsCertificate({ ...good, ...change }, issuer.signer.algorithm), issuer).map(
    ({ rule, detail }) => `${rule}: ${detail}`,
  )

const replaced = (change: Partial<typeof extensions>) => ({ extensions: Object.values({ ...extensions, ...change }) })
const without = (key: keyof typeof extensions) => ({
  extensions: Object.values(extensions).filter(one => one !== extensions[key]),
})
const named = (...names: string[]) => ({
  ...replaced({ names: subjectAltName(dns(...names), false) }),
  subject: distinguishedName({ commonName: names[0]! }),
})

t.test('a good certificate has no findings', async t => t.same(findings({}), []))

t.test('what is wrong is found before it is signed', async t => {
  const cases: [string, Partial<CertificateTemplate>, RegExp][] = [
    ['a short serial', { serial: '5'.padStart(32, '0') }, /§4\.1\.2\.2: the serial number has 1 octets/],
    [
      'another issuer',
      { issuer: distinguishedName({ commonName: 'Somebody' }) },
      /§4\.1\.2\.4: the issuer is not the signer's subject/,
    ],
    ['an end before the beginning', { notAfter: good.notBefore - 1000 }, /it ends before it begins/],
    ['a life of eleven years', { notAfter: good.notBefore + 11 * 366 * DAY }, /more than ten years/],
    ['a leaf that outlives its issuer', { notAfter: issuer.notAfter + 1000 }, /it outlives its issuer/],
    ['a leaf that begins before its issuer', { notBefore: issuer.notBefore - 1000 }, /it outlives its issuer/],
    ['the key of another authority', replaced({ authority: authorityKeyIdentifier('00'.repeat(20)) }), /§4\.2\.1\.1/],
    ['no authority key', without('authority'), /§4\.2\.1\.1/],
    ['a CA', replaced({ basic: basicConstraints(true) }), /§4\.2\.1\.9/],
    ['no basic constraints', without('basic'), /§4\.2\.1\.9/],
    ['no key usage', without('usage'), /§4\.2\.1\.3/],
    ['no purpose', without('purposes'), /has no extended key usage/],
    ['no name', without('names'), /has no subject alternative name/],
    [
      'critical names beside a subject',
      replaced({ names: subjectAltName(dns(name), true) }),
      /must be critical exactly where the subject is empty/,
    ],
    ['names that are not critical without a subject', { subject: distinguishedName({}) }, /must be critical exactly/],
    [
      'a common name that is not a subject alternative name',
      { subject: distinguishedName({ commonName: 'other.internal.example.com' }) },
      /§7\.1\.4\.3/,
    ],
    ['a name in upper case', named('WWW.internal.example.com'), /not in canonical form/],
    ['a name with an underscore', named('a_b.internal.example.com'), /label "a_b"/],
    ['a name outside the constraints', named('www.example.org'), /§4\.2\.1\.10: www\.example\.org is outside/],
    ['an extension twice', { extensions: [...good.extensions, extensions.usage] }, /an extension is there twice/],
  ]
  for (const [name, change, expected] of cases) t.match(findings(change).join('\n'), expected, name)
})
