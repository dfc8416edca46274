/** Fails where a source file cites an RFC that docs/standards.md does not list, and where that page names a file that is not there. */
import { existsSync, globSync, readFileSync } from 'node:fs'

const page = readFileSync('docs/standards.md', 'utf8')
const listed = new Set([...page.matchAll(/RFC (\d{3,5})/g)].map(([, number]) => number))

const missing = new Map<string, string>()
for (const file of globSync('{dns,host,config,zones,resolver,ca,server,cli,web}/**/*.ts'))
  for (const [, number] of readFileSync(file, 'utf8').matchAll(/RFC (\d{3,5})/g))
    if (!listed.has(number)) missing.set(number!, file)

const findings = [...missing].map(
  ([number, file]) => `docs/standards.md does not list RFC ${number}, which ${file} cites`,
)
for (const [, file] of page.matchAll(/`([\w/.-]+\.ts)`/g))
  if (!existsSync(file!)) findings.push(`docs/standards.md names ${file}, which is not there`)
for (const finding of findings) console.error(finding)
process.exitCode = findings.length > 0 ? 1 : 0
