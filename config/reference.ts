import type { Field, Kind, Presence } from './kinds.ts'
import { NOT_YET } from './not-yet.ts'
import { schema } from './schema.ts'

const INTRODUCTION = `# Configuration

<!-- Made from the schema by scripts/config-docs.ts: change the schema, not this page. -->

YAML 1.2, by default \`./namestead.yaml\` or \`/etc/namestead/namestead.yaml\`. \`namestead check\` prints every error as
\`file:line:column: message\`; an unknown key is one. For editors there is \`config/namestead.schema.json\`.

- Files that you supply are relative to the config file; what the daemon makes is relative to \`data_dir\`.
- Every secret may be given as \`{ file: PATH }\` or \`{ env: NAME }\` instead of inline.
- Durations are \`30s\`, \`5m\`, \`12h\`, \`90d\`. Addresses are \`IP\`, \`IP:port\`, \`[IP6]:port\`; port 0 is any that is free.
- Access lists hold addresses, blocks, and names of \`acls\` or of the built-in \`any\`, \`none\`, \`localhost\`.
- Name patterns are domain names in which \`*\` stands for exactly one label and \`**\` for any number, none included. One whose last
  label is \`*\` or \`**\` is taken below the zone's apex. A wildcard owner is covered only where the rule says \`wildcards: true\`, the
  apex of a zone only where a pattern names it in full.
`

/** The reference page: every key with its kind, its default and what it does. */
export function printReference(): string {
  return `${INTRODUCTION}${[...sections()].map(printSection).join('')}${printNotYet()}`
}

/** A map of the document, at its path. */
interface Section {
  path: string
  kind: Kind<unknown>
}

/** Every map once, what belongs together side by side. One that occurs at several paths stands at the shortest. */
function* sections(): Generator<Section> {
  yield { path: '', kind: schema }
  const seen = new Set<unknown>()
  const all = [...nestedIn({ path: '', kind: schema })]
  // An array's iteration comes to what is appended during it.
  for (const section of all) {
    if (seen.has(section.kind.fields)) continue
    seen.add(section.kind.fields)
    all.push(...nestedIn(section))
  }
  const shown = all.filter(({ kind }) => seen.delete(kind.fields))
  for (const top of Object.keys(schema.fields!)) yield* shown.filter(({ path }) => /^\w+/.exec(path)![0] === top)
}

function* nestedIn({ path, kind }: Section): Generator<Section> {
  for (const [key, field] of Object.entries(kind.fields!)) {
    const { fields, nesting } = field.kind
    if (fields) yield { path: `${path}${path && '.'}${key}${nesting ?? ''}`, kind: field.kind }
  }
}

function printSection({ path, kind }: Section): string {
  const heading = path === '' ? '## Top level' : `## \`${path}\``
  const rows = Object.entries(kind.fields!).map(([key, field]) => printRow(key, field))
  return `\n${heading}\n\n| key | value | default | |\n| --- | --- | --- | --- |\n${rows.join('')}`
}

function printRow(key: string, field: Field<unknown, Presence>): string {
  const cells = [`\`${key}\``, field.kind.label, printDefault(field), capital(field.description)]
  return `| ${cells.map(cell => cell.replaceAll('|', '\\|')).join(' | ')} |\n`
}

function printDefault(field: Field<unknown, Presence>): string {
  if (field.required) return '**required**'
  if (field.defaultText) return field.defaultText
  if (field.default === undefined || isEmpty(field.default)) return ''
  return `\`${JSON.stringify(field.default)}\``
}

function isEmpty(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}

function printNotYet(): string {
  const rows = NOT_YET.map(({ path, values, lacking }) => {
    const key = values ? `\`${path}\`: ${values.map(value => `\`${value}\``).join(', ')}` : `\`${path}\``
    return `| ${key} | ${capital(lacking)} |\n`
  })
  return `
## Accepted, but not served yet

These keys are checked and kept for what is to come; \`check\` and the log say so for each that is used.

| key | for now |
| --- | --- |
${rows.join('')}`
}

/** The JSON Schema for editors, as it is published. */
export function printJsonSchema(): string {
  const json = {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'namestead configuration',
    ...schema.json,
  }
  return `${JSON.stringify(json, undefined, 2)}\n`
}
