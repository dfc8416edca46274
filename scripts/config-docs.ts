/** Writes docs/configuration.md and config/namestead.schema.json from the schema; with --check only says whether they are up to date. */
import { readFileSync, writeFileSync } from 'node:fs'
import { printJsonSchema, printReference } from '../config/reference.ts'

const FILES = {
  'docs/configuration.md': printReference(),
  'config/namestead.schema.json': printJsonSchema(),
}

for (const [file, content] of Object.entries(FILES)) {
  const url = new URL(`../${file}`, import.meta.url)
  if (!process.argv.includes('--check')) writeFileSync(url, content)
  else if (readFileSync(url, 'utf8') !== content) {
    console.error(`${file} is not what the schema says: run scripts/config-docs.ts`)
    process.exitCode = 1
  }
}
