import t from 'tap'
import { Class } from '../../../dns/codes.ts'
import { parseName } from '../../../dns/name.ts'
import { Type } from '../../../dns/types.ts'
import { type Pending, Policies } from '../../../resolver/policy/policies.ts'
import type { RuleData } from '../../../resolver/policy/policy-zone.ts'
import { contentsOf } from '../../zones/lines.ts'

const CLIENT = Uint8Array.of(192, 0, 2, 1)
const ORIGIN = parseName('rpz.')
const NAME = parseName('bad.test.')
const rule = (owner: string) => ({
  ...{ owner: parseName(owner), type: Type.CNAME, class: Class.IN, ttl: 60, rdata: parseName('.') },
})
const ADDRESS_RULE = rule('32.1.113.0.203.rpz-ip.rpz.')
const ANSWER = [{ owner: NAME, type: Type.A, class: Class.IN, ttl: 60, rdata: Uint8Array.of(198, 51, 100, 1) }]

/** A policy zone of these rules, which counts what is looked for in it. */
function build(rules: readonly string[]) {
  const looked: string[] = []
  let at = 0
  const versionOf = (owners: readonly string[]): RuleData => {
    const contents = contentsOf([...owners.map(rule), ADDRESS_RULE])
    return {
      image: contents,
      at: at++,
      typesAt: owner => {
        looked.push(Buffer.from(owner).toString('latin1'))
        return contents.rrset(owner, Type.CNAME) ? [Type.CNAME] : []
      },
      rrset: (owner, type) => contents.rrset(owner, type),
      ownersAfter: () => [ADDRESS_RULE.owner],
    }
  }
  let version = versionOf(rules)
  const policies = new Policies([{ origin: ORIGIN, policy: 'given', log: true, latest: () => version }])
  policies.refresh()
  const publish = (owners: readonly string[]) => {
    version = versionOf(owners)
    policies.refresh()
  }
  return { policies, looked, publish }
}

t.test('what a zone has not said of a name before the answer it is not asked again', async t => {
  const { policies, looked } = build(['other.test.rpz.'])
  const pending = policies.before(NAME, CLIENT) as Pending
  t.equal(pending.kind, 'pending', 'a rule for addresses may want to see the answer')
  const before = looked.length
  t.equal(policies.after(NAME, CLIENT, ANSWER, undefined, pending), undefined)
  t.equal(looked.length, before)
  t.equal(policies.after(NAME, CLIENT, ANSWER), undefined)
  t.ok(looked.length > before, 'but for who does not know')
})

t.test('a rule that is published meanwhile holds', async t => {
  const { policies, publish } = build([])
  const pending = policies.before(NAME, CLIENT) as Pending
  publish(['bad.test.rpz.'])
  t.match(policies.after(NAME, CLIENT, ANSWER, undefined, pending), { action: { kind: 'nxdomain' } })
})

t.test('an address of the answer, and the end of a chain of aliases, are judged all the same', async t => {
  const { policies } = build(['end.test.rpz.'])
  const pending = policies.before(NAME, CLIENT) as Pending
  const refused = [{ ...ANSWER[0]!, rdata: Uint8Array.of(203, 0, 113, 1) }]
  t.match(policies.after(NAME, CLIENT, refused, undefined, pending), { rule: ADDRESS_RULE.owner })
  const end = parseName('end.test.')
  const alias = { owner: NAME, type: Type.CNAME, class: Class.IN, ttl: 60, rdata: end }
  t.match(policies.after(NAME, CLIENT, [alias, { ...ANSWER[0]!, owner: end }], undefined, pending), { name: end })
})
