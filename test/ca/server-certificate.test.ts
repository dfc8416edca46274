import { createSecureContext } from 'node:tls'
import t from 'tap'
import { createServerCertificates, type ServerCertificate } from '../../ca/server-certificate.ts'
import { readCertificate } from '../../ca/x509/certificate-facts.ts'
import { derBlocks } from '../../ca/x509/x509.ts'
import { createSimulatedClock } from '../simulation/clock.ts'
import { constrained, DAY, openFixture, settings } from './fixture.ts'
import { memoryFiles } from './memory-files.ts'

const HOSTS = ['ca.internal.example.com', 'ns1.internal.example.com', '127.0.0.1', '[::1]']
const quick = { root: { ...settings.root, generate: 'ecdsa-p256' as const } }
const namesOf = ({ certificate }: ServerCertificate) =>
  readCertificate(derBlocks('CERTIFICATE', certificate)[0]!).identifiers.map(({ value }) => value)

async function open(clock = createSimulatedClock(), more = {}) {
  const { files, kept } = memoryFiles()
  const fixture = await openFixture({ clock, files, settings: { ...quick, ...more } })
  return { ...fixture, files, kept, own: createServerCertificates(fixture) }
}

t.test('it names our hosts and addresses, and TLS takes it', async t => {
  const { own, kept } = await open()
  const made = (await own.open(HOSTS))!
  t.same(namesOf(made), ['ca.internal.example.com', 'ns1.internal.example.com', '127.0.0.1', '::1'])
  t.doesNotThrow(() => createSecureContext({ cert: made.certificate, key: made.key }))
  t.ok(kept.has('https.pem'))
  own.close()
})

t.test('a restart goes on with it; other hosts, or what does not fit, make a new one', async t => {
  const { own, kept, ...deps } = await open()
  const made = (await own.open(HOSTS))!
  own.close()
  const reopen = async (hosts: string[]) => {
    const again = createServerCertificates(deps)
    const opened = (await again.open(hosts))!
    again.close()
    return opened
  }
  t.same(await reopen(HOSTS), made)
  t.same(await reopen([...HOSTS].reverse()), made)
  const other = await reopen(['ca.internal.example.com'])
  t.not(other.certificate, made.certificate)
  kept.set('https.pem', 'half')
  t.not((await reopen(['ca.internal.example.com'])).certificate, other.certificate, 'a file that can not be read')
  kept.set('https.pem', made.key + other.certificate)
  const last = await reopen(['ca.internal.example.com'])
  t.doesNotThrow(() => createSecureContext({ cert: last.certificate, key: last.key }), 'a key of another')
})

t.test('through a year it is renewed by itself and never less than a third of its life is left', async t => {
  const clock = createSimulatedClock()
  const { own, hierarchy } = await open(clock)
  let current = (await own.open(HOSTS))!
  let renewals = 0
  own.onRenewal(renewed => {
    renewals++
    current = renewed
  })
  for (let day = 0; day < 365; day++) {
    await clock.advance(DAY)
    const { notAfter } = readCertificate(derBlocks('CERTIFICATE', current.certificate)[0]!)
    if (notAfter - clock.now() < 9.5 * DAY) t.fail(`day ${day}: ${(notAfter - clock.now()) / DAY} days are left`)
  }
  t.ok(renewals >= 17 && renewals <= 20, `${renewals} renewals`)
  own.close()
  hierarchy.close()
})

t.test('where it can not be renewed the old one stays, and the log says so', async t => {
  const clock = createSimulatedClock()
  const { own, lines, store, hierarchy } = await open(clock)
  await own.open(HOSTS)
  const { reserveSerial } = store
  store.reserveSerial = async () => Promise.reject(new Error('disk full'))
  await clock.advance(25 * DAY)
  t.match(lines.at(-1), { level: 'error', message: /could not be renewed; tried again in an hour/ })
  store.reserveSerial = reserveSerial
  let renewals = 0
  own.onRenewal(() => renewals++)
  await clock.advance(DAY / 24)
  t.equal(renewals, 1)
  own.close()
  hierarchy.close()
})

t.test('hosts that no certificate of ours may name are left out, and named in the log', async t => {
  const { own, lines } = await open(undefined, { intermediate: constrained })
  const made = (await own.open([...HOSTS, 'ca.example.org', 'my_host']))!
  t.same(namesOf(made), ['ca.internal.example.com', 'ns1.internal.example.com', '127.0.0.1', '::1'])
  t.match(
    lines.filter(line => line.level === 'warn').map(line => line.message),
    [/ca\.example\.org: it is outside the name constraints/, /my_host: .+label "my_host"/],
  )
  own.close()
})

t.test(
  'a clock that was set back keeps nothing else from starting: once it is right, there is a certificate',
  async t => {
    const real = createSimulatedClock()
    let error = 0
    const clock = { ...real, now: () => real.now() + error }
    const { own, kept, ...deps } = await open(clock)
    await own.open(HOSTS)
    own.close()
    kept.delete('https.pem')
    error = -DAY
    const again = createServerCertificates(deps)
    t.equal(await again.open(HOSTS), undefined, 'the CA refuses to issue')
    const renewed = new Promise<ServerCertificate>(resolve => again.onRenewal(resolve))
    error = 0
    await real.advance(60_000)
    t.same(namesOf(await renewed), ['ca.internal.example.com', 'ns1.internal.example.com', '127.0.0.1', '::1'])
    again.close()
  },
)
