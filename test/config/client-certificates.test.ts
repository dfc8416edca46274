import t from 'tap'
import { usesClientCertificates } from '../../config/client-certificates.ts'
import { load } from './sources.ts'

const CONFIG = (ca: string) => `
listen: { https: ["127.0.0.1:443"] }
views: [{ name: inside }]
${ca}`
const CA = (more: string) =>
  CONFIG(`ca:\n  name: Test\n  url: https://ca.example.test\n  issue: [{ names: ["**"] }]\n${more}`)

t.test('clients are asked for certificates only where something needs them', async t => {
  const cases: [boolean, string][] = [
    [false, 'views: [{ name: inside }]'],
    [false, CA('')],
    [false, CA('  profiles: [{ name: default, validity: 1d, usages: [server, client] }]\n')],
    [true, CA('  profiles: [{ name: default, validity: 1d, usages: [server, client], renewable: true }]\n')],
    [true, CA('  issuers: { a: { profiles: [{ name: b, validity: 1d, usages: [client], renewable: true }] } }\n')],
    [true, `${CA('')}api: { certificates: [{ name: bot, names: ["bot.a.example"], role: read, zones: ["**"] }] }\n`],
  ]
  for (const [expected, text] of cases) t.equal(usesClientCertificates(load(text).config!), expected, text)
})

t.test('what is renewed by being shown must be for clients (RFC 5280 §4.2.1.12)', async t => {
  const { errors } = load(CA('  profiles: [{ name: default, validity: 1d, renewable: true }]\n'))
  t.match(errors, [{ message: /`client` among their usages/ }])
})
