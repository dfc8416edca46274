/** Fails where a source file cites an RFC that docs/standards.md does not list. */
import { globSync, readFileSync } from 'node:fs'

const listed = new Set(
  [...readFileSync('docs/standards.md', 'utf8').matchAll(/RFC (\d{3,5})/g)].map(([, number]) => number),
)
const missing = new Map<string, string>()
for (const file of globSync('{dns,host,config,zones,resolver,ca,server,cli,web}/**/*.ts'))
  for (const [, number] of readFileSync(file, 'utf8').matchAll(/RFC (\d{3,5})/g))
    if (!listed.has(number)) missing.set(number!, file)
for (const [number, file] of missing)
  console.error(`docs/standards.md does not list RFC ${number}, which ${file} cites`)
process.exitCode = missing.size > 0 ? 1 : 0
