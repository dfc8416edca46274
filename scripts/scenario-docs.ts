/** Writes the tables of docs/resolver-scenarios.md from test/resolver/scenarios. */
import { readFileSync, writeFileSync } from 'node:fs'
import { printPage } from '../test/resolver/scenarios/page.ts'

const PAGE = new URL('../docs/resolver-scenarios.md', import.meta.url)
writeFileSync(PAGE, printPage(readFileSync(PAGE, 'utf8')))
