import { globSync, readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { readScenarios, type ScenarioFile } from './language.ts'

const BEGIN = '<!-- scenarios: written by scripts/scenario-docs.ts -->\n'
const END = '<!-- end -->'

/** The files of scenarios beside this one, in the order of their names. */
export function scenarioFiles(): (ScenarioFile & { name: string })[] {
  const paths = globSync(new URL('*.scenario', import.meta.url).pathname).sort()
  return paths.map(path => ({ name: basename(path), ...readScenarios(readFileSync(path, 'utf8')) }))
}

/** docs/resolver-scenarios.md with the tables that the scenarios make; `page` is how it was. */
export function printPage(page: string): string {
  const sections = scenarioFiles().map(({ name, title, scenarios }) => {
    const rows = scenarios.map(({ sentence, like }) => `| ${sentence} | ${like.map(one => `\`${one}\``).join(' ')} |`)
    const head = `### ${title}\n\n\`test/resolver/scenarios/${name}\`\n\n| behaviour | published scenarios like it |\n| --- | --- |`
    return `${head}\n${rows.join('\n')}\n`
  })
  const [before, after] = [page.indexOf(BEGIN) + BEGIN.length, page.indexOf(END)]
  return `${page.slice(0, before)}\n${sections.join('\n')}\n${page.slice(after)}`
}
