import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { makeKey } from '../../ca/hierarchy/keystore.ts'
import { loadConfig, systemSources } from '../../config/load.ts'
import { checkFiles } from '../../server/check.ts'
import { put, scratch } from '../cli/session.ts'

const ZONE = '$TTL 60\n@ SOA ns1 h 1 1 1 1 1\n@ NS ns1\nns1 A 192.0.2.1\n'

const check = (cwd: string) => {
  const { errors, warnings } = checkFiles(loadConfig(join(cwd, 'namestead.yaml')), systemSources)
  return [...errors, ...warnings].map(({ file, line, column, message }) =>
    `${file}:${line}:${column}: ${message}`.replaceAll(`${cwd}/`, ''),
  )
}

/** A self-signed CA certificate and its key, NAME.crt and NAME.key. */
function makePair(folder: string, name: string): void {
  const files = ['-keyout', join(folder, `${name}.key`), '-out', join(folder, `${name}.crt`)]
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
  execFileSync('openssl', ['req', '-x509', ...key, ...files, '-subj', '/CN=Test', '-days', '2'], { stdio: 'ignore' })
}

t.test('zone files: what is wrong, what is doubtful, what is not there', async t => {
  const zones = ['a', 'b', 'c'].map(name => `{ name: ${name}.example, file: ${name}.zone }`).join(', ')
  const cwd = scratch(t, {
    'namestead.yaml': `views: [{ name: v, zones: [${zones}] }]`,
    'a.zone': ZONE.replace('ns1 A', 'x A'),
    'b.zone': `${ZONE}$INCLUDE nowhere\n`,
  })
  const [missing, included, ...rest] = check(cwd).sort().reverse()
  t.equal(missing, "namestead.yaml:1:123: c.zone can't be read: there is no such file")
  t.match(included, /^b\.zone:5:\d+: "nowhere" can't be included/)
  t.match(rest, [/^a\.zone:3:1: a\.example\. has the NS target ns1\.a\.example\., which has no address$/])
})

t.test("an overlay's file needs neither SOA nor NS", async t => {
  const views = (file: string) =>
    `views: [{ name: v, zones: [{ name: a.b, file: a.zone }] }, { name: w, zones: [{ name: a.b, overlay_of: v, file: ${file} }] }]`
  const cwd = scratch(t, {
    'a.zone': ZONE,
    good: 'www 60 A 192.0.2.1',
    bad: 'www 60 A 1.2.3',
    'namestead.yaml': views('good'),
  })
  t.strictSame(check(cwd), [])
  put(cwd, 'namestead.yaml', views('bad'))
  t.match(check(cwd), [/^bad:1:10: /])
})

t.test('a certificate and a key that do not belong together', async t => {
  const cwd = scratch(t, { 'namestead.yaml': 'tls: { certificate: a.crt, key: a.key }' })
  makePair(cwd, 'a')
  makePair(cwd, 'b')
  t.strictSame(check(cwd), [])
  put(cwd, 'namestead.yaml', 'tls: { certificate: a.crt, key: b.key }')
  t.strictSame(check(cwd), ['namestead.yaml:1:6: the key of tls does not belong to its certificate'])
})

t.test("the CA's own files, where it has been started before", async t => {
  const cwd = scratch(t, { 'namestead.yaml': 'views: [{ name: v }]\nca: { name: A, url: "https://a" }' })
  t.strictSame(check(cwd), [], 'a CA that has not been started yet')
  const folder = join(cwd, 'data/ca')
  mkdirSync(folder, { recursive: true })
  makePair(folder, 'root')
  t.strictSame(check(cwd), [])
  makePair(folder, 'intermediate-1')
  put(folder, 'intermediate-1.key', 'nonsense')
  t.strictSame(check(cwd), [
    'namestead.yaml:2:5: data/ca/intermediate-1.key holds no private key in PEM that can be read; restore it from a backup',
  ])
  put(folder, 'intermediate-1.key', 'pkcs11:token=ca;object=intermediate-1\n')
  t.strictSame(check(cwd), [], 'a token is not asked: a wrong PIN would count')
  const { pem } = await makeKey('ecdsa-p256', 'correct horse')
  put(folder, 'intermediate-1.key', pem)
  const config = (passphrase: string) =>
    put(cwd, 'namestead.yaml', `views: [{ name: v }]\nca: { name: A, url: "https://a", key_passphrase: ${passphrase} }`)
  config('wrong')
  t.match(check(cwd), [/intermediate-1\.key is encrypted, and ca\.key_passphrase does not open it/])
  config('correct horse')
  t.match(check(cwd), [/the key data\/ca\/intermediate-1\.key does not belong to its certificate/])
})

t.test('keys of the CA that others can read are warned of, the one of SCEP as the others', async t => {
  const cwd = scratch(t, { 'namestead.yaml': 'views: [{ name: v }]\nca: { name: A, url: "https://a" }' })
  mkdirSync(join(cwd, 'data/ca/staging'), { recursive: true })
  for (const [name, mode] of [
    ['scep-ra.key', 0o640],
    ['record.key', 0o600],
    ['staging/root.key', 0o604],
  ] as const) {
    put(cwd, `data/ca/${name}`, 'key')
    chmodSync(join(cwd, 'data/ca', name), mode)
  }
  t.strictSame(check(cwd).sort(), [
    'namestead.yaml:2:5: data/ca/scep-ra.key can be read by others; make its mode 0600',
    'namestead.yaml:2:5: data/ca/staging/root.key can be read by others; make its mode 0600',
  ])
})
