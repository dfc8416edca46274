import fc from 'fast-check'
import t from 'tap'
import { type PolicyRequest, refusals } from '../../../ca/permission/policy.ts'
import { parsePrefix } from '../../../config/address.ts'
import type { IssueRule } from '../../../config/ca-schema.ts'
import { compilePattern } from '../../../config/pattern.ts'
import { parseName } from '../../../dns/name.ts'
import { dns } from '../fixture.ts'

interface RuleText {
  names?: string[]
  addresses?: string[]
  writers?: boolean
  approval?: boolean
  wildcards?: boolean
  profiles?: string[]
  key?: string
  account?: string
}

function rule(text: RuleText): IssueRule {
  const {
    names = [],
    addresses = [],
    wildcards = false,
    writers = false,
    approval = false,
    profiles,
    key,
    account,
  } = text
  return {
    addresses: addresses.map(block => parsePrefix(block)!),
    writers,
    approval,
    names: names.map(compilePattern),
    wildcards,
    ...(profiles && { profiles }),
    ...(key && { key: parseName(key) }),
    ...(account && { account }),
  } as IssueRule
}

const ask = (name: string, more: Partial<PolicyRequest> = {}): PolicyRequest => ({
  identifiers: dns(name),
  profile: 'default',
  ...more,
})

t.test('who may have which name', async t => {
  const apps = rule({ names: ['**.apps.example.com'] })
  const cases: [string, IssueRule[], PolicyRequest, RegExp | undefined][] = [
    ['nothing is allowed where there is no rule', [], ask('www.example.com'), /^no issue rule covers this name$/],
    ['a name that a pattern covers is allowed', [apps], ask('a.b.apps.example.com'), undefined],
    ['"**" covers no label at all, too', [apps], ask('apps.example.com'), undefined],
    ['a name beside it is refused', [apps], ask('apps.example.org'), /^no issue rule covers this name$/],
    ['a name that merely ends alike is refused', [apps], ask('xapps.example.com'), /covers/],
    ['"*" covers one label', [rule({ names: ['*.example.com'] })], ask('www.example.com'), undefined],
    ['"*" does not cover two', [rule({ names: ['*.example.com'] })], ask('a.www.example.com'), /covers/],
    ['a name in full covers itself alone', [rule({ names: ['www.example.com'] })], ask('a.www.example.com'), /covers/],
    [
      'a wildcard is refused unless the rule says so',
      [apps],
      ask('*.apps.example.com'),
      /rule 1, .* not allow wildcards/,
    ],
    [
      'a wildcard is allowed where it does',
      [rule({ names: ['**.apps.example.com'], wildcards: true })],
      ask('*.apps.example.com'),
      undefined,
    ],
    [
      '"*" alone does not allow the wildcard',
      [rule({ names: ['*.example.com'] })],
      ask('*.example.com'),
      /rule 1, .* not allow wildcards/,
    ],
    [
      'a profile that the rule does not list is refused',
      [rule({ names: ['**'], profiles: ['short'] })],
      ask('www.example.com'),
      /does not allow the profile "default"/,
    ],
    [
      'a profile that it lists is allowed',
      [rule({ names: ['**'], profiles: ['short', 'default'] })],
      ask('www.example.com'),
      undefined,
    ],
    [
      'a rule for an account is for no other',
      [rule({ names: ['**'], account: 'a1' })],
      ask('www.example.com', { account: 'a2' }),
      /for other accounts or keys/,
    ],
    [
      'nor for break-glass',
      [rule({ names: ['**'], account: 'a1' })],
      ask('www.example.com'),
      /for other accounts or keys/,
    ],
    [
      'it is for that account',
      [rule({ names: ['**'], account: 'a1' })],
      ask('www.example.com', { account: 'a1' }),
      undefined,
    ],
    [
      'a rule for a key is for its holder, in any case',
      [rule({ names: ['**'], key: 'CertManager' })],
      ask('www.example.com', { keys: [parseName('certmanager')] }),
      undefined,
    ],
    [
      'and for no other',
      [rule({ names: ['**'], key: 'certmanager' })],
      ask('www.example.com', { keys: [parseName('other')] }),
      /for other accounts or keys/,
    ],
    [
      'a later rule may allow what the first does not',
      [rule({ names: ['**'], account: 'a1' }), rule({ names: ['**.example.com'] })],
      ask('www.example.com'),
      undefined,
    ],
    [
      'two rules do not add up to one',
      [rule({ names: ['**'], profiles: ['short'] }), rule({ names: ['**'], account: 'a1' })],
      ask('www.example.com'),
      /rule 1, .* does not allow the profile/,
    ],
    [
      'no pattern covers an address',
      [rule({ names: ['**'] })],
      { identifiers: [{ type: 'ip', value: '192.0.2.1' }], profile: 'default' },
      /no issue rule covers this address/,
    ],
  ]
  for (const [name, rules, request, expected] of cases) {
    const [refusal] = refusals({ rules }, request)
    if (expected) t.match(refusal?.reason, expected, name)
    else t.equal(refusal, undefined, name)
  }
})

t.test('each refused identifier is named, the others are not', async t => {
  const rules = [rule({ names: ['**.example.com'] })]
  const identifiers = dns('www.example.com', 'www.example.org', '*.example.com')
  t.same(
    refusals({ rules }, { identifiers, profile: 'default' }).map(refusal => refusal.identifier.value),
    ['www.example.org', '*.example.com'],
  )
})

const label = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?$/)
const host = fc.array(label, { minLength: 1, maxLength: 5 }).map(labels => labels.join('.'))
const allowed = (rules: IssueRule[], name: string) => refusals({ rules }, ask(name)).length === 0

t.test('what holds for every name and pattern', async t => {
  const holds = (name: string, property: fc.IRawProperty<unknown>) => t.doesNotThrow(() => fc.assert(property), name)
  holds(
    'a name in full covers itself, whatever its case',
    fc.property(host, name => allowed([rule({ names: [name.toUpperCase()] })], name)),
  )
  holds(
    '"**.x" covers x and what is below, and nothing else',
    fc.property(host, host, host, (suffix, below, other) => {
      const rules = [rule({ names: [`**.${suffix}`] })]
      const isBelow = other === suffix || other.endsWith(`.${suffix}`)
      return allowed(rules, suffix) && allowed(rules, `${below}.${suffix}`) && allowed(rules, other) === isBelow
    }),
  )
  holds(
    '"*.x" covers exactly the children of x',
    fc.property(host, label, label, (suffix, child, grandchild) => {
      const rules = [rule({ names: [`*.${suffix}`] })]
      return (
        allowed(rules, `${child}.${suffix}`) &&
        !allowed(rules, suffix) &&
        !allowed(rules, `${grandchild}.${child}.${suffix}`)
      )
    }),
  )
  holds(
    'no rule without "wildcards" allows a wildcard',
    fc.property(host, host, (pattern, name) => !allowed([rule({ names: ['**', `**.${pattern}`] })], `*.${name}`)),
  )
  holds(
    'one more rule never takes a name away',
    fc.property(host, host, host, (a, b, name) => {
      const one = [rule({ names: [`**.${a}`] })]
      return !allowed(one, name) || allowed([...one, rule({ names: [b] })], name)
    }),
  )
})
