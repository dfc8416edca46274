import t from 'tap'
import {
  authorityCertificate,
  type CaCertificate,
  intermediateTemplate,
  rootTemplate,
} from '../../ca/hierarchy/ca-certificate.ts'
import { makeKey } from '../../ca/hierarchy/keystore.ts'
import type { Identifier } from '../../ca/identifier.ts'
import { distinguishedName } from '../../ca/x509/distinguished-name.ts'
import {
  authorityKeyIdentifier,
  basicConstraints,
  certificatePolicies,
  extendedKeyUsage,
  keyUsage,
  nameConstraints,
  subjectAltName,
  subjectKeyIdentifier,
} from '../../ca/x509/extensions.ts'
import { permitsName } from '../../ca/x509/name-constraints.ts'
import { keyIdentifier } from '../../ca/x509/public-key.ts'
import { encodeTbsCertificate, pemOf, signStructure } from '../../ca/x509/x509.ts'
import type { CertificatePolicy } from '../../config/ca-schema.ts'
import type { Subtree } from '../../config/constraints-schema.ts'
import { DAY, judge, leafKey, settings } from './fixture.ts'

const KEY_CERT_SIGN = 0x20
const DIGITAL_SIGNATURE = 0x80
const now = Date.now()
const keys = await Promise.all([1, 2, 3].map(async () => (await makeKey('ecdsa-p256')).signer))

/** What a certificate of a case says beside the least. */
interface Stage {
  permitted?: Subtree[]
  excluded?: Subtree[]
  policies?: CertificatePolicy[]
  pathLength?: number
}

async function root(): Promise<CaCertificate> {
  const template = rootTemplate(settings, keys[0]!, '11'.repeat(16), now)
  return authorityCertificate(
    await signStructure(encodeTbsCertificate(template, keys[0]!.algorithm), keys[0]!),
    keys[0]!,
  )
}

/** A CA of the case, below another. */
async function below(issuer: CaCertificate, stage: Stage, n: number): Promise<CaCertificate> {
  const signer = keys[n]!
  const { permitted = [], excluded = [], policies = [], pathLength } = stage
  const template = {
    ...intermediateTemplate(settings, issuer, signer, `${n}2`.repeat(16), now, n),
    extensions: [
      basicConstraints(true, pathLength),
      keyUsage(KEY_CERT_SIGN),
      subjectKeyIdentifier(keyIdentifier(signer.publicKey)),
      authorityKeyIdentifier(issuer.id),
      ...(permitted.length + excluded.length > 0 ? [nameConstraints(permitted, excluded)] : []),
      ...certificatePolicies(policies),
    ],
  }
  return authorityCertificate(
    await signStructure(encodeTbsCertificate(template, issuer.signer.algorithm), issuer.signer),
    signer,
  )
}

async function leaf(
  issuer: CaCertificate,
  names: readonly Identifier[],
  policies: CertificatePolicy[],
): Promise<string> {
  const template = {
    ...{ serial: '33'.repeat(16), issuer: issuer.subject, subject: distinguishedName({ commonName: 'Leaf' }) },
    ...{ notBefore: now - DAY / 24, notAfter: now + DAY, publicKey: leafKey.publicKey },
    extensions: [
      basicConstraints(false),
      keyUsage(DIGITAL_SIGNATURE),
      extendedKeyUsage(['server']),
      subjectKeyIdentifier(keyIdentifier(leafKey.publicKey)),
      authorityKeyIdentifier(issuer.id),
      ...(names.length > 0 ? [subjectAltName(names, false)] : []),
      ...certificatePolicies(policies),
    ],
  }
  return pemOf(
    'CERTIFICATE',
    await signStructure(encodeTbsCertificate(template, issuer.signer.algorithm), issuer.signer),
  )
}

const anchor = await root()

/** What OpenSSL thinks of a leaf below these CAs: "OK", or its reason. */
async function judged(stages: Stage[], names: Identifier[], policies: CertificatePolicy[] = [], ...asked: string[]) {
  let issuer = anchor
  let chain = ''
  for (const [i, stage] of stages.entries()) {
    issuer = await below(issuer, stage, i + 1)
    chain += issuer.pem
  }
  const files = { root: anchor.pem, chain, leaf: await leaf(issuer, names, policies) }
  const command = ['-x509_strict', ...asked, '-CAfile', 'root', '-untrusted', 'chain', 'leaf']
  const { output } = await judge(files, 'openssl', 'verify', ...command)
  return output === 'leaf: OK\n' ? 'OK' : (/error \d+ at \d+ depth lookup: (.*)/.exec(output)?.[1] ?? output)
}

const dns = (value: string): Identifier => ({ type: 'dns', value })
const ip = (value: string): Identifier => ({ type: 'ip', value })
const uri = (value: string): Identifier => ({ type: 'uri', value })
const email = (value: string): Identifier => ({ type: 'email', value })

/** RFC 5280 §4.2.1.10, after NIST PKITS §4.13: the limits, a name, and whether it is within them. */
const LIMITS: [limits: Stage, name: Identifier, within: boolean][] = [
  [{ permitted: [{ dns: 'a.test' }] }, dns('a.test'), true],
  [{ permitted: [{ dns: 'a.test' }] }, dns('www.x.a.test'), true],
  [{ permitted: [{ dns: 'a.test' }] }, dns('*.a.test'), true],
  [{ permitted: [{ dns: 'a.test' }] }, dns('ba.test'), false],
  [{ permitted: [{ dns: 'a.test' }] }, dns('test'), false],
  [{ permitted: [{ dns: '.a.test' }] }, dns('www.x.a.test'), true],
  [{ permitted: [{ dns: '.a.test' }] }, dns('a.test'), false],
  [{ permitted: [{ dns: '.a.test' }] }, dns('ba.test'), false],
  [{ excluded: [{ dns: '.a.test' }] }, dns('x.a.test'), false],
  [{ excluded: [{ dns: '.a.test' }] }, dns('a.test'), true],
  [{ permitted: [{ dns: 'a.test' }, { dns: 'b.test' }] }, dns('x.b.test'), true],
  [{ permitted: [{ dns: 'a.test' }] }, ip('10.0.0.1'), true],
  [{ permitted: [{ dns: 'a.test' }], excluded: [{ ip: '0.0.0.0/0' }, { ip: '::/0' }] }, ip('10.0.0.1'), false],
  [{ excluded: [{ dns: 'a.test' }] }, dns('x.a.test'), false],
  [{ excluded: [{ dns: 'a.test' }] }, dns('x.b.test'), true],
  [{ permitted: [{ dns: 'a.test' }], excluded: [{ dns: 'x.a.test' }] }, dns('y.a.test'), true],
  [{ permitted: [{ dns: 'a.test' }], excluded: [{ dns: 'x.a.test' }] }, dns('y.x.a.test'), false],
  [{ permitted: [{ ip: '10.0.0.0/8' }] }, ip('10.255.0.1'), true],
  [{ permitted: [{ ip: '10.0.0.0/8' }] }, ip('11.0.0.1'), false],
  [{ permitted: [{ ip: '10.0.0.0/8' }] }, ip('2001:db8::1'), false],
  [{ permitted: [{ ip: '2001:db8::/33' }] }, ip('2001:db8:7fff::1'), true],
  [{ permitted: [{ ip: '2001:db8::/33' }] }, ip('2001:db8:8000::1'), false],
  [{ excluded: [{ ip: '10.1.0.0/16' }] }, ip('10.1.2.3'), false],
  [{ excluded: [{ ip: '10.1.0.0/16' }] }, ip('10.2.2.3'), true],
  [{ permitted: [{ email: 'a.test' }] }, email('x@a.test'), true],
  [{ permitted: [{ email: 'a.test' }] }, email('x@b.a.test'), false],
  [{ permitted: [{ email: '.a.test' }] }, email('x@b.a.test'), true],
  [{ permitted: [{ email: '.a.test' }] }, email('x@a.test'), false],
  [{ permitted: [{ email: 'x@a.test' }] }, email('x@a.test'), true],
  [{ permitted: [{ email: 'x@a.test' }] }, email('y@a.test'), false],
  [{ excluded: [{ email: 'a.test' }] }, email('x@a.test'), false],
  [{ permitted: [{ uri: 'a.test' }] }, uri('https://a.test/x'), true],
  [{ permitted: [{ uri: 'a.test' }] }, uri('https://b.a.test/x'), false],
  [{ permitted: [{ uri: '.a.test' }] }, uri('spiffe://b.a.test/x'), true],
  [{ permitted: [{ uri: '.a.test' }] }, uri('spiffe://a.test/x'), false],
  [{ excluded: [{ uri: 'a.test' }] }, uri('spiffe://a.test/x'), false],
  [{ excluded: [{ uri: 'a.test' }] }, uri('spiffe://b.test/x'), true],
]

for (const [limits, name, within] of LIMITS)
  t.test(`${JSON.stringify(limits)} ${within ? 'takes' : 'refuses'} ${name.value}`, async t => {
    const verdict = await judged([{ ...limits, pathLength: 0 }], [name])
    t.match(verdict, within ? /^OK$/ : /permitted subtree violation|excluded subtree violation/)
    const { permitted = [], excluded = [] } = limits
    t.equal(permitsName({ permitted, excluded }, name), within, 'and so do we, before anything is signed')
  })

t.test('limits of every CA on the way hold (RFC 5280 §6.1.4 (g))', async t => {
  const wide = { permitted: [{ dns: 'a.test' }] }
  t.equal(await judged([wide, { permitted: [{ dns: 'x.a.test' }] }], [dns('w.x.a.test')]), 'OK')
  t.match(await judged([wide, { permitted: [{ dns: 'x.a.test' }] }], [dns('w.a.test')]), /permitted subtree/)
  t.match(await judged([wide, { permitted: [{ dns: 'b.test' }] }], [dns('w.b.test')]), /permitted subtree/)
})

t.test('a path is no longer than each CA allows (RFC 5280 §4.2.1.9, §6.1.4 (l))', async t => {
  t.equal(await judged([{ pathLength: 0 }], []), 'OK')
  t.equal(await judged([{ pathLength: 1 }, { pathLength: 0 }], []), 'OK')
  t.equal(await judged([{}, { pathLength: 0 }], []), 'OK')
  t.match(await judged([{ pathLength: 0 }, { pathLength: 0 }], []), /path length constraint exceeded/)
  t.match(await judged([{ pathLength: 0 }, {}], []), /path length constraint exceeded/)
})

t.test('a policy holds where every CA asserts it, or any (RFC 5280 §6.1.3 (d))', async t => {
  const [one, two, any] = ['1.3.6.1.4.1.99999.1', '1.3.6.1.4.1.99999.2', '2.5.29.32.0'].map(oid => ({ oid }))
  const page = { oid: one!.oid, cps: 'https://ca.a.test/cps' }
  const cases: [cas: CertificatePolicy[][], leaf: CertificatePolicy[], holds: boolean][] = [
    [[[one!]], [one!], true],
    [[[page]], [page], true],
    [[[one!, two!]], [one!], true],
    [[[any!]], [one!], true],
    [[[one!], [any!]], [one!], true],
    [[[two!]], [one!], false],
    [[[]], [one!], false],
    [[[one!]], [], false],
    [[[one!], [two!]], [one!], false],
  ]
  for (const [cas, policies, holds] of cases) {
    const stages = cas.map(policies => ({ policies }))
    const verdict = await judged(stages, [], policies, '-policy', one!.oid, '-explicit_policy')
    t.match(verdict, holds ? /^OK$/ : /no explicit policy/, JSON.stringify([cas, policies]))
    t.equal(await judged(stages, [], policies), 'OK', 'and who asks for none takes them all')
  }
})
