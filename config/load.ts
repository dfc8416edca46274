import { readFileSync, statSync } from 'node:fs'
import { hostname } from 'node:os'
import { dirname, resolve } from 'node:path'
import { BUILT_IN_ACLS, type Prefix, parsePrefix } from './address.ts'
import { checkConfig } from './check.ts'
import type { Context, Section, Written } from './kinds.ts'
import { reportNotYet } from './not-yet.ts'
import { type Config, schema } from './schema.ts'
import { reasonOf } from './secret.ts'
import { type ConfigError, type Place, placeOf, readSource, type Source } from './source.ts'
import { type ZoneConfig, zone } from './zone-schema.ts'

/** Where configuration comes from: the real system, or a test's. */
export interface ConfigSources {
  /** A file's text; throws as `readFileSync` does. */
  readFile(path: string): string
  /** Its permission bits; absent where there are none to speak of. */
  mode?(path: string): number
  env: Readonly<Record<string, string | undefined>>
  hostname: string
}

/** This machine's files, environment and name. */
export const systemSources: ConfigSources = {
  readFile: path => readFileSync(path, 'utf8'),
  mode: path => statSync(path).mode,
  env: process.env,
  hostname: hostname(),
}

/** What came of reading a config: `config` is there exactly where `errors` is empty. */
export interface LoadedConfig {
  file: string
  config?: Config
  errors: ConfigError[]
  warnings: ConfigError[]
  /** Where the value at a path of the document stands. */
  place(path: readonly (string | number)[]): Place
}

const START: Place = { line: 1, column: 1 }

/** Reads and checks a config file. Every error is found, not only the first. */
export function loadConfig(file: string, sources: ConfigSources = systemSources): LoadedConfig {
  const path = resolve(file)
  try {
    return parseConfig(sources.readFile(path), path, sources)
  } catch (error) {
    const place = () => START
    return {
      file: path,
      errors: [{ file: path, ...START, message: `can't be read: ${reasonOf(error)}` }],
      warnings: [],
      place,
    }
  }
}

/** Checks the text of a config that stands, or would stand, in `file`. */
export function parseConfig(text: string, file: string, sources: ConfigSources = systemSources): LoadedConfig {
  const errors: ConfigError[] = []
  const warnings: ConfigError[] = []
  const error = (at: Place, message: string) => errors.push({ file, ...at, message })
  const warn = (at: Place, message: string) => warnings.push({ file, ...at, message })
  const { source: document, broken } = readSource(text, error)
  const config = broken ? undefined : schema.decode(document, contextOf(document, file, sources, error, warn))
  reportNotYet(document, warn)
  if (config) checkConfig(config, document, error, warn)
  errors.sort(byPlace)
  warnings.sort(byPlace)
  const found = { file, errors, warnings, place: (path: readonly (string | number)[]) => placeOf(document, path) }
  return config && errors.length === 0 ? { ...found, config } : found
}

/**
 * A zone that stands in no config file, written as it would be there; what refers to the rest of a file (keys, access lists, views) can't be
 * in it. `errors` where it can't be.
 */
export function decodeZone(written: Written): { zone?: ZoneConfig; errors: string[] } {
  const errors: string[] = []
  const report = (_at: Place, message: string) => errors.push(message)
  const { source } = readSource(JSON.stringify(written), report)
  const decoded = zone.decode(
    source,
    contextOf(source, resolve('.'), systemSources, report, () => {}),
  )
  return decoded && errors.length === 0 ? { zone: decoded, errors } : { errors }
}

/** The absolute `data_dir` of a config file, whatever else may be wrong in it. Throws where the file can't be read. */
export function readDataDir(file: string, sources: ConfigSources = systemSources): string {
  return resolve(dirname(file), dataDirOf(readSource(sources.readFile(file), () => {}).source))
}

function byPlace(a: ConfigError, b: ConfigError): number {
  return a.line - b.line || a.column - b.column
}

function contextOf(
  document: Source,
  file: string,
  sources: ConfigSources,
  report: Context['report'],
  warn: Context['warn'],
): Context {
  const directory = dirname(file)
  return {
    report,
    warn,
    ...(sources.mode ? { mode: sources.mode } : {}),
    readFile: path => sources.readFile(path),
    env: sources.env,
    hostname: sources.hostname,
    directory,
    dataDir: resolve(directory, dataDirOf(document)),
    acl: name => expandAcl(document, name),
    declared: declaredNames(document),
  }
}

function dataDirOf(document: Source): string {
  const written = child(document, 'data_dir')
  if (written?.kind === 'scalar' && typeof written.value === 'string') return written.value
  return String(schema.fields!['data_dir']!.default)
}

function declaredNames(document: Source): Record<Section, string[]> {
  const acls = child(document, 'acls')
  const ca = child(document, 'ca')
  const issuers = ca && child(ca, 'issuers')
  const ownProfiles =
    issuers?.kind === 'map' ? [...issuers.entries.values()].map(one => child(one.value, 'profiles')) : []
  const profiles = [ca && child(ca, 'profiles'), ...ownProfiles].flatMap(namesIn)
  return {
    keys: namesIn(child(document, 'keys')),
    acls: acls?.kind === 'map' ? [...acls.entries.keys()] : [],
    views: namesIn(child(document, 'views')),
    profiles: profiles.length > 0 ? profiles : ['default'],
  }
}

function child(source: Source, key: string): Source | undefined {
  return source.kind === 'map' ? source.entries.get(key)?.value : undefined
}

function namesIn(list: Source | undefined): string[] {
  if (list?.kind !== 'list') return []
  return list.items.flatMap(item => {
    const name = child(item, 'name')
    return name?.kind === 'scalar' && typeof name.value === 'string' ? [name.value] : []
  })
}

/** The blocks of an access list and of those that it names, each list taken once. What is wrong in one is said where it stands. */
function expandAcl(document: Source, name: string): Prefix[] | undefined {
  const acls = child(document, 'acls')
  if (!Object.hasOwn(BUILT_IN_ACLS, name) && !(acls && child(acls, name))) return undefined
  const names = new Set([name])
  const blocks: Prefix[] = []
  // A Set's iteration comes to what is added during it, once each.
  for (const one of names) {
    for (const word of wordsOfAcl(acls, one)) {
      const block = parsePrefix(word)
      if (block) blocks.push(block)
      else names.add(word)
    }
  }
  return blocks
}

function wordsOfAcl(acls: Source | undefined, name: string): readonly string[] {
  if (Object.hasOwn(BUILT_IN_ACLS, name)) return BUILT_IN_ACLS[name]!
  const written = acls && child(acls, name)
  if (written?.kind !== 'list') return []
  return written.items.flatMap(item => (item.kind === 'scalar' && typeof item.value === 'string' ? [item.value] : []))
}
