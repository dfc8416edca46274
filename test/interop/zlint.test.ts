import { existsSync, mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import t from 'tap'
import { makeKey } from '../../ca/keystore.ts'
import { pemOf } from '../../ca/x509.ts'
import { systemClock } from '../../host/clock.ts'
import { constrained, dns, judge, leafOf, openFixture, profile } from '../ca/fixture.ts'
import { run, without } from './tools.ts'

const BINARY = resolve('.cache', 'zlint')

/** What a private CA does not do, each with its reason; everything else that zlint finds fails. */
const PASSED_OVER: Record<string, string> = {
  e_ca_country_name_missing: 'CA/B BR §7.1.2.10.2: the country of a publicly audited organization',
  e_invalid_ca_certificate_policies: 'CA/B BR §7.1.2.10.5: policies of publicly trusted CAs would be claimed wrongly',
  e_sub_ca_certificate_policies_missing: 'the same',
  e_sub_cert_certificate_policies_missing: 'the same',
  e_sub_cert_cert_policy_empty: 'the same',
  e_dnsname_not_valid_tld: 'names of private zones',
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

t.setTimeout(660_000)
t.test('zlint finds nothing in our certificates', { skip: existsSync(BINARY) ? false : without('go') }, async t => {
  t.equal(await buildZlint(), '')
  const { hierarchy, issuance, revocation, memory } = await openFixture({
    clock: systemClock,
    settings: { intermediate: constrained },
  })
  const files: Record<string, string> = { root: hierarchy.root.pem, intermediate: hierarchy.current().pem }
  for (const kind of ['ecdsa-p256', 'ecdsa-p384', 'rsa-2048'] as const) {
    const { signer } = await makeKey(kind)
    const identifiers = dns('www.internal.example.com', '*.internal.example.com')
    const { chain } = await issuance.issue({
      publicKey: signer.publicKey,
      identifiers,
      profile: { ...profile, usages: ['server'] },
    })
    files[`leaf-${kind}`] = leafOf(chain)
  }
  await revocation.ocsp(await question(files))
  const responder = [...memory.records.values()].find(record => record.profile === 'ocsp')!
  files['responder'] = pemOf('CERTIFICATE', responder.der)
  const { output, status } = await judge(files, BINARY, ...Object.keys(files))
  t.equal(status, 0)
  const findings = output.split('\n').filter(line => line !== '' && !(line.split(' ')[2]! in PASSED_OVER))
  t.same(findings, [])
  hierarchy.close()
})

/** Any OCSP request: the first makes the responder's certificate. */
async function question(files: Record<string, string>): Promise<Uint8Array> {
  const command = 'openssl ocsp -issuer intermediate -cert leaf-ecdsa-p256 -no_nonce -reqout q && base64 -w0 q'
  return Buffer.from((await judge(files, 'sh', '-c', command)).output, 'base64')
}
