/** Plays the scenarios beside this file: what a forwarding, validating resolver has to make of upstreams of all kinds. */
import { readFileSync } from 'node:fs'
import t from 'tap'
import { printPage, scenarioFiles } from './page.ts'
import { play } from './play.ts'

for (const { name, setting, scenarios } of scenarioFiles())
  t.test(name, async t => {
    for (const scenario of scenarios) await t.test(scenario.sentence, t => play(t, scenario, setting))
  })

t.test('docs/resolver-scenarios.md lists them all (scripts/scenario-docs.ts writes it)', async t => {
  const page = readFileSync(new URL('../../../docs/resolver-scenarios.md', import.meta.url), 'utf8')
  t.equal(printPage(page), page)
})
