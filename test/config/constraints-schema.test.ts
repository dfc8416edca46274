import t from 'tap'
import { load } from './sources.ts'

const read = (ca: string) => {
  const text = `listen: { https: ["127.0.0.1:443"] }\nviews: [{ name: v }]\nca: { name: A, url: "https://ca.a.test", issue: [{ names: ["**.a.test"] }], ${ca} }`
  const { config, errors, warnings } = load(text)
  const say = (list: typeof errors) => list.map(({ message }) => message)
  return { ca: config?.ca, errors: say(errors), warnings: say(warnings) }
}

t.test('name constraints are domains, or what is permitted and excluded by kind', t => {
  const limits = (value: string) =>
    read(`intermediate: { name_constraints: ${value} }`).ca?.intermediate.name_constraints
  t.strictSame(limits('[A.test, b.test.]'), { permitted: [{ dns: 'a.test' }, { dns: 'b.test' }], excluded: [] })
  t.strictSame(
    limits(
      '{ permitted: { dns: [a.test], ip: ["10.0.0.0/8", "2001:DB8::/33"] }, excluded: { email: [x@A.test, .b.test], uri: [A.test] } }',
    ),
    {
      permitted: [{ dns: 'a.test' }, { ip: '10.0.0.0/8' }, { ip: '2001:db8::/33' }],
      excluded: [{ email: 'x@a.test' }, { email: '.b.test' }, { uri: 'a.test' }],
    },
  )
  const cases: [value: string, message: RegExp][] = [
    ['[]', /at least one/],
    ['{}', /permitted, excluded or both/],
    ['{ permitted: { ip: ["10.0.0.1/8"] } }', /address block/],
    ['{ permitted: { email: ["@a.test"] } }', /mailbox/],
    ['{ excluded: { uri: ["https://a.test"] } }', /host/],
    ['{ permitted: { dns: [a.test] }, allowed: {} }', /unknown key "allowed"/],
  ]
  for (const [value, message] of cases)
    t.match(read(`intermediate: { name_constraints: ${value} }`).errors, [message], value)
  t.end()
})

t.test('policies are object identifiers, with the page of their statement where there is one', t => {
  const of = (profile: string, intermediate: string) =>
    read(
      `profiles: [{ name: p, validity: 1d, policies: [${profile}] }], intermediate: { name_constraints: [a.test], policies: [${intermediate}] }`,
    )
  const { ca } = of('1.3.6.1.4.1.9.1, { oid: 1.3.6.1.4.1.9.2, cps: "https://a.test/cps" }', '2.5.29.32.0')
  t.strictSame(ca?.profiles[0]?.policies, [
    { oid: '1.3.6.1.4.1.9.1' },
    { oid: '1.3.6.1.4.1.9.2', cps: 'https://a.test/cps' },
  ])
  t.match(of('1.3.6.1.4.1.9.1', '1.3.6.1.4.1.9.2').errors, [/1\.9\.1 is none of ca\.intermediate\.policies/])
  t.match(of('1.3.6.1.4.1.9.1', '').warnings, [/asserts no policies: who requires 1\.3\.6\.1\.4\.1\.9\.1 refuses/])
  t.match(of('not.an.oid', '').errors, [/object identifier/])
  t.end()
})
