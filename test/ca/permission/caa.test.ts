import t from 'tap'
import { createCaaChecker } from '../../../ca/permission/caa.ts'
import { Class, Rcode } from '../../../dns/codes.ts'
import { type Name, parseName, printName } from '../../../dns/name.ts'
import { parseRdataText, Type } from '../../../dns/types.ts'
import { silentLog } from '../../../host/log.ts'
import { createSimulatedClock } from '../../simulation/clock.ts'
import { createAccount, createCsr } from '../client.ts'
import { createWorld } from '../world.ts'

const ACCOUNT = 'https://ca.example.test/acme/acme/account/1'

/** The outcome for www.a.example.test given CAA records by owner; "ok", or the problem's type. */
async function outcome(records: Record<string, string[] | number>, wildcard = false): Promise<string> {
  const lookup = async (name: Name) => {
    const found = records[printName(name)] ?? []
    if (typeof found === 'number') return { rcode: found, answer: [] }
    const answer = found.map(text => ({
      owner: name,
      type: Type.CAA,
      class: Class.IN,
      ttl: 0,
      rdata: parseRdataText(Type.CAA, text, parseName('.')),
    }))
    return { rcode: Rcode.NOERROR, answer }
  }
  const checker = createCaaChecker({ lookup, identities: ['ca.example.test'], clock: createSimulatedClock() })
  const subject = { identifier: { type: 'dns', value: 'www.a.example.test' } as const, wildcard }
  try {
    await checker.check({ subject, accountUrl: ACCOUNT, method: 'dns-01' }, silentLog)
    return 'ok'
  } catch (error) {
    return (error as { type: string }).type
  }
}

const AT = 'www.a.example.test.'
const ROWS: [string, Record<string, string[] | number>, string, string][] = [
  // name, records, outcome for the name, outcome for its wildcard
  ['no records', {}, 'ok', 'ok'],
  ['our name', { [AT]: ['0 issue "ca.example.test"'] }, 'ok', 'ok'],
  ['our name in other letters', { [AT]: ['0 ISSUE "CA.Example.Test"'] }, 'ok', 'ok'],
  ['our name among others', { [AT]: ['0 issue "other.test"', '0 issue "ca.example.test"'] }, 'ok', 'ok'],
  ['another CA', { [AT]: ['0 issue "other.test"'] }, 'caa', 'caa'],
  ['nobody (RFC 8659 §4.2)', { [AT]: ['0 issue ";"'] }, 'caa', 'caa'],
  [
    'the parent decides where the name has none (RFC 8659 §3)',
    { 'example.test.': ['0 issue "other.test"'] },
    'caa',
    'caa',
  ],
  ['the closest decides', { 'a.example.test.': ['0 issue "ca.example.test"'], 'test.': ['0 issue ";"'] }, 'ok', 'ok'],
  ['issuewild is for wildcards alone (RFC 8659 §4.3)', { [AT]: ['0 issuewild ";"'] }, 'ok', 'caa'],
  ['issuewild goes before issue', { [AT]: ['0 issue ";"', '0 issuewild "ca.example.test"'] }, 'caa', 'ok'],
  ['iodef alone restricts nothing', { [AT]: ['0 iodef "mailto:a@example.test"'] }, 'ok', 'ok'],
  ['an unknown property', { [AT]: ['0 future "x"'] }, 'ok', 'ok'],
  [
    'an unknown critical property (RFC 8659 §4.1)',
    { [AT]: ['128 future "x"', '0 issue "ca.example.test"'] },
    'caa',
    'caa',
  ],
  ['our account (RFC 8657 §3)', { [AT]: [`0 issue "ca.example.test; accounturi=${ACCOUNT}"`] }, 'ok', 'ok'],
  ['another account', { [AT]: ['0 issue "ca.example.test; accounturi=https://x/2"'] }, 'caa', 'caa'],
  ['our method (RFC 8657 §4)', { [AT]: ['0 issue "ca.example.test; validationmethods=http-01,dns-01"'] }, 'ok', 'ok'],
  ['another method', { [AT]: ['0 issue "ca.example.test;validationmethods=http-01"'] }, 'caa', 'caa'],
  [
    'our account twice (RFC 8657 §3)',
    { [AT]: [`0 issue "ca.example.test; accounturi=${ACCOUNT}; accounturi=${ACCOUNT}"`] },
    'caa',
    'caa',
  ],
  [
    'methods twice',
    { [AT]: ['0 issue "ca.example.test; validationmethods=dns-01; validationmethods=dns-01,http-01"'] },
    'caa',
    'caa',
  ],
  ['no method', { [AT]: ['0 issue "ca.example.test; validationmethods="'] }, 'caa', 'caa'],
  [
    'methods that nobody knows beside ours',
    { [AT]: ['0 issue "ca.example.test; validationmethods=ca-own,dns-01"'] },
    'ok',
    'ok',
  ],
  ['a parameter with hyphens (RFC 8659 §4.2)', { [AT]: ['0 issue "ca.example.test; a-b--c=1"'] }, 'ok', 'ok'],
  ['a parameter that ends in a hyphen', { [AT]: ['0 issue "ca.example.test; a-=1"'] }, 'caa', 'caa'],
  ['a parameter we do not know', { [AT]: ['0 issue "ca.example.test; policy=ev"'] }, 'ok', 'ok'],
  ['a parameter that breaks the grammar', { [AT]: ['0 issue "ca.example.test; %%%"'] }, 'caa', 'caa'],
  ['the name itself fails', { [AT]: Rcode.SERVFAIL }, 'dns', 'dns'],
  ['a name above fails', { 'test.': Rcode.SERVFAIL, 'example.test.': Rcode.REFUSED }, 'ok', 'ok'],
  [
    'a name above fails, and a closer one forbids',
    { 'test.': Rcode.SERVFAIL, 'example.test.': ['0 issue ";"'] },
    'caa',
    'caa',
  ],
]

for (const [name, records, plain, wildcard] of ROWS)
  t.test(`CAA: ${name}`, async t => {
    t.equal(await outcome(records), plain)
    t.equal(await outcome(records, true), wildcard, 'for the wildcard')
  })

t.test('an ancestor that never answers does not hold the order up', async t => {
  const clock = createSimulatedClock()
  const lookup = (name: Name) =>
    printName(name) === 'test.' ? new Promise<never>(() => {}) : Promise.resolve({ rcode: Rcode.NXDOMAIN, answer: [] })
  const checker = createCaaChecker({ lookup, identities: ['ca.example.test'], clock })
  const subject = { identifier: { type: 'dns', value: 'www.example.test' } as const, wildcard: false }
  await clock.until(checker.check({ subject, accountUrl: ACCOUNT, method: 'dns-01' }, silentLog))
  t.pass()
})

t.test('an order that CAA forbids fails with the problem "caa" (RFC 8555 §6.7)', async t => {
  const world = await createWorld(t)
  const client = await createAccount(world)
  const { json: order } = await client.order(['www.example.test'])
  await client.prove(order.authorizations[0])
  world.zone.set('example.test', 'CAA', '0 issue "letsencrypt.org"')
  const reply = await client.post(order.finalize, { csr: (await createCsr(['www.example.test'])).csr })
  t.match(reply.json, { status: 'invalid', error: { type: 'urn:ietf:params:acme:error:caa', status: 403 } })
  t.match(reply.json.error.detail, /example\.test\. does not name ca\.example\.test/)
})
