import { existsSync, mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import t from 'tap'
import { makeKey } from '../../ca/hierarchy/keystore.ts'
import type { Profile } from '../../ca/issue/profiles.ts'
import { REASONS } from '../../ca/revocation/revoke.ts'
import { pemOf } from '../../ca/x509/x509.ts'
import type { KeyAlgorithm } from '../../config/ca-schema.ts'
import { systemClock } from '../../host/clock.ts'
import { constrained, DAY, dns, HTTP, judge, leafOf, openFixture, profile } from '../ca/fixture.ts'
import { run, without } from './tools.ts'

/** Named after what it can do, for one may be left of before. */
const BINARY = resolve('.cache', 'zlint-revocation')

/** What a private CA does not do, each with its reason; everything else that zlint finds fails. */
const PASSED_OVER: Record<string, string> = {
  e_ca_country_name_missing: 'CA/B BR §7.1.2.10.2: the country of a publicly audited organization',
  e_invalid_ca_certificate_policies: 'CA/B BR §7.1.2.10.5: policies of publicly trusted CAs would be claimed wrongly',
  e_sub_ca_certificate_policies_missing: 'the same',
  e_sub_cert_certificate_policies_missing: 'the same',
  e_sub_cert_cert_policy_empty: 'the same',
  e_dnsname_not_valid_tld: 'names of private zones',
  e_ext_san_contains_reserved_ip: 'private addresses',
  e_missing_crl_distrib_point:
    'CA/B BR §7.1.2.11.2: a profile may leave out OCSP and CRL, for networks where neither can be reached',
  e_organizational_unit_name_prohibited: 'CA/B BR §7.1.4.2: units of an organization whose CA it is',
  w_subject_common_name_included: 'software that does not read subject alternative names is still about',
  w_ext_subject_key_identifier_not_recommended_subscriber: 'RFC 5280 §4.2.1.2 recommends it',
}

/** Built once from the Go module proxy; kept in .cache. */
async function buildZlint(): Promise<string> {
  if (existsSync(BINARY)) return ''
  mkdirSync('.cache', { recursive: true })
  const built = await run('go', ['build', '-o', BINARY, '.'], {
    cwd: join('test', 'interop', 'zlint'),
    timeout: 600_000,
  })
  return built.status === 0 ? '' : built.stderr
}

/** Profiles that together use everything that the config knows. */
const PROFILES: Record<string, Partial<Profile>> = {
  plain: {},
  client: { usages: ['client'], common_name: false },
  both: {
    usages: ['server', 'client'],
    must_staple: true,
    policies: [{ oid: '1.3.6.1.4.1.99999.1', cps: `${HTTP}/cps` }],
  },
  subject: { subject: { country: 'AT', province: 'Wien', locality: 'Wien', organization: 'Example Corp', unit: 'IT' } },
  bare: {
    ocsp: false,
    crl: false,
    san: ['dns'],
    extensions: [{ oid: '1.3.6.1.4.1.99999.2', critical: false, value: Buffer.from('0500', 'hex') }],
  },
  short: { validity: DAY / 24 },
}

t.setTimeout(660_000)
t.test(
  'zlint finds nothing in certificates of every kind and profile, CRLs and OCSP responses',
  { skip: existsSync(BINARY) ? false : without('go') },
  async t => {
    t.equal(await buildZlint(), '')
    const policies = [{ oid: '1.3.6.1.4.1.99999.1', cps: `${HTTP}/cps` }]
    const { hierarchy, issuance, revocation, memory } = await openFixture({
      clock: systemClock,
      settings: { intermediate: { ...constrained, policies }, crossSign: 'both' },
      crl: { partitions: 2 },
    })
    const files: Record<string, string> = {}
    const keep = (name: string, pem: string) => {
      files[name] = pem
    }
    const leaf = async (name: string, kind: KeyAlgorithm, more: Partial<Profile>, identifiers = NAMES) => {
      const { signer } = await makeKey(kind)
      const { chain } = await issuance.issue({
        publicKey: signer.publicKey,
        identifiers,
        profile: { ...BASE, ...more },
      })
      keep(`leaf-${name}`, leafOf(chain))
    }
    for (const [name, more] of Object.entries(PROFILES)) await leaf(name, 'ecdsa-p256', more)
    for (const kind of ['ecdsa-p384', 'rsa-2048'] as const) await leaf(kind, kind, {})
    await leaf('address', 'ecdsa-p256', {}, [{ type: 'ip', value: '10.0.0.1' }])
    const spiffe = { san: ['uri' as const, 'email' as const], usages: ['client' as const] }
    const others = [{ type: 'uri' as const, value: 'spiffe://internal.example.com/web' }]
    await leaf('spiffe', 'ecdsa-p256', { ...spiffe, common_name: false }, others)

    const revoked = [...memory.records.values()].find(({ profile }) => profile === 'default')!
    await revocation.revoke(revoked.serial, REASONS.superseded)
    await hierarchy.renewRoot({ distrust: false })
    for (const one of [...hierarchy.all(), ...hierarchy.crossCertificates()]) keep(`ca-${one.serial}`, one.pem)
    for (const { id } of hierarchy.all())
      for (const part of [undefined, 0, 1]) {
        const crl = await revocation.crl(id, part)
        if (crl) keep(`crl-${id}-${part}`, pemOf('X509 CRL', crl.der))
      }
    const { der } = await revocation.ocsp(await question(hierarchy.find(revoked.issuer)!.pem, files['leaf-plain']!))
    keep('ocsp', pemOf('OCSP RESPONSE', der))
    const responder = [...memory.records.values()].find(record => record.profile === 'ocsp')!
    keep('responder', pemOf('CERTIFICATE', responder.der))

    const { output, status } = await judge(files, BINARY, ...Object.keys(files))
    t.equal(status, 0, 'every file can be read')
    const findings = output.split('\n').filter(line => line !== '' && !(line.split(' ')[2]! in PASSED_OVER))
    t.same(findings, [])
    hierarchy.close()
  },
)

const NAMES = dns('www.internal.example.com', '*.internal.example.com')
const BASE: Profile = { ...profile, usages: ['server'] }

/** Any OCSP request: the first makes the responder's certificate. */
async function question(issuer: string, leaf: string): Promise<Uint8Array> {
  const command = 'openssl ocsp -issuer issuer -cert leaf -no_nonce -reqout q && base64 -w0 q'
  return Buffer.from((await judge({ issuer, leaf }, 'sh', '-c', command)).output, 'base64')
}
