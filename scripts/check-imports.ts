/** Fails where a file imports against the arrows of docs/architecture.md, or where files of one folder import each other in a circle. */
import { globSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'

/** Which rooms a room may import besides itself. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  dns: [],
  host: [],
  config: ['dns', 'host'],
  zones: ['dns', 'host', 'config'],
  resolver: ['dns', 'host', 'config'],
  ca: ['dns', 'host', 'config'],
  web: ['dns', 'host', 'config'],
  cli: ['dns', 'host', 'config'],
  server: ['dns', 'host', 'config', 'zones', 'resolver', 'ca', 'web', 'cli'],
}

/** Against the arrows: `serve` starts the composition root, `check` has the daemon's own check of files, and `restore` puts back what a daemon will find; they know nothing else of it. */
const EXCEPTIONS = new Set([
  'cli/serve.ts -> server/main.ts',
  'cli/check.ts -> server/check.ts',
  'cli/zone.ts -> server/check.ts',
  'cli/backup.ts -> server/backup/restore.ts',
  'cli/backup.ts -> server/backup/rehearse.ts',
])

/** What the daemon answers is written down once, as types alone: those in browsers read it there, and import nothing that runs. */
const SHAPES = { of: /^web\/client\//, from: /^cli\/replies(\/.*)?\.ts$/ }

const rooms = Object.keys(MAY_IMPORT)
const imports = new Map<string, string[]>()
for (const file of globSync(`{${rooms.join(',')}}/**/*.ts`)) imports.set(file, importsOf(file))

const findings = [...wrongArrows(), ...circles()]
for (const finding of findings) console.error(finding)
process.exitCode = findings.length > 0 ? 1 : 0

function importsOf(file: string): string[] {
  return specifiersOf(file, /(?:\bfrom|\bimport)\s*\(?\s*'(\.[^']+)'/g)
}

/** Those of which types alone are imported. */
function typesOf(file: string): string[] {
  return specifiersOf(file, /\b(?:import|export) type [^']*?from '(\.[^']+)'/g)
}

function specifiersOf(file: string, pattern: RegExp): string[] {
  return [...readFileSync(file, 'utf8').matchAll(pattern)].map(([, found]) => normalize(join(dirname(file), found!)))
}

function* wrongArrows(): Generator<string> {
  for (const [file, targets] of imports) {
    const from = room(file)
    for (const target of targets) {
      const to = room(target)
      if (to === from || MAY_IMPORT[from]?.includes(to) || EXCEPTIONS.has(`${file} -> ${target}`)) continue
      if (SHAPES.of.test(file) && SHAPES.from.test(target) && typesOf(file).includes(target)) continue
      yield `${file}: ${from}/ may not import ${target}`
    }
  }
}

function room(file: string): string {
  return file.split('/')[0]!
}

function* circles(): Generator<string> {
  const done = new Set<string>()
  for (const start of imports.keys()) yield* visit(start, [])
  function* visit(file: string, path: string[]): Generator<string> {
    const at = path.indexOf(file)
    if (at >= 0) yield `${file}: imports in a circle: ${[...path.slice(at), file].join(' -> ')}`
    if (at >= 0 || done.has(file)) return
    for (const target of imports.get(file) ?? []) yield* visit(target, [...path, file])
    done.add(file)
  }
}
