import { isAbsolute, join } from 'node:path'
import type { Written } from '../../config/kinds.ts'
import { createKey, printKey } from '../keygen.ts'
import { bare, endpoint, find, forwardersOf, type Lose, readMatchList, wordAfter } from './bind-lists.ts'
import { loseOption } from './bind-options.ts'
import { isKey, type ReadZone, readZone, type ZoneContext } from './bind-zone.ts'
import { type MigratedFile, type Migration, present } from './migration.ts'
import type { Statement } from './named-conf.ts'

/** What a migration reads of the machine that BIND runs on. */
export interface BindFiles {
  /** A file's text; throws as `readFileSync` does. */
  read(path: string): string
  exists(path: string): boolean
  /** The directory of the named.conf. */
  directory: string
}

/** Statements that need no counterpart, or whose counterpart is always there. */
const PASSED = new Set([
  'acl',
  'key',
  'options',
  'view',
  'zone',
  'primaries',
  'masters',
  'remote-servers',
  'parental-agents',
  'trust-anchors',
  'managed-keys',
])
/** Why others have none. */
const LOST: Readonly<Record<string, string>> = {
  controls: 'use the control socket: namestead status, reload, stop',
  logging: 'logs are JSON lines on stdout: see log in docs/configuration.md',
  'statistics-channels': 'use listen.metrics',
  server: 'settings for single servers are not known',
  tls: 'our certificate comes from our own CA, or from tls',
  http: 'DNS over HTTPS is at /dns-query on listen.https',
  'dnssec-policy': 'policies other than the choices of dnssec are not known',
  dlz: 'zones in databases are not known',
  dyndb: 'zones in databases are not known',
}
/** Our configuration from the statements of a named.conf. */
export function migrateBind(statements: readonly Statement[], files: BindFiles): Migration {
  const lost: string[] = []
  const lose: Lose = ({ at }, why) => void lost.push(`${at}: ${why}`)
  const kept: MigratedFile[] = []
  const options = find(statements, 'options')?.block ?? []
  const views = statements.filter(({ words }) => words[0] === 'view')
  const global = statements.filter(({ words }) => words[0] === 'zone')
  const acls = aclsOf(statements, lose)
  const names = new Set(Object.keys(acls))
  const keys = [...statements, ...views.flatMap(({ block = [] }) => block)].flatMap(one => keyOf(one, kept, lose))
  const zones: Omit<ZoneContext, 'defaults' | 'keepFile'> = {
    ...{ acls: names, servers: serverLists(statements), lose },
    keys: new Set(keys.map(({ name }) => name)),
  }
  const read = (name: string, view: readonly Statement[], inner: readonly Statement[], count: number): Written => {
    const keepFile = fileKeeper(files, find(options, 'directory')?.words[1], count > 1 ? `.${name}` : '', kept, lose)
    return viewOf(name, view, inner, options, { ...zones, defaults: [view, options], keepFile })
  }
  for (const statement of statements) {
    const [keyword = ''] = statement.words
    if (!PASSED.has(keyword))
      lose(statement, (Object.hasOwn(LOST, keyword) && LOST[keyword]) || `"${keyword}" is not known here`)
  }
  for (const statement of options) loseOption(statement, lose)
  const config = present({
    data_dir: './data',
    listen: listenOf(options),
    keys,
    acls: names.size > 0 ? acls : undefined,
    views:
      views.length > 0
        ? views.map(view => read(view.words[1] ?? 'view', view.block ?? [], zonesIn(view), views.length))
        : [read('default', [], global, 1)],
  })
  return { config, files: kept, lost }
}

function zonesIn({ block = [] }: Statement): Statement[] {
  return block.filter(({ words }) => words[0] === 'zone')
}

function aclsOf(statements: readonly Statement[], lose: Lose): Record<string, string[]> {
  const found = statements.filter(({ words }) => words[0] === 'acl')
  const names = new Set(found.map(({ words }) => words[1]!))
  return Object.fromEntries(
    found.map(statement => {
      const { addresses, keys } = readMatchList(statement, names, lose)
      if (keys.length > 0) lose(statement, 'keys in access lists are not known: list them in match.keys of the view')
      return [statement.words[1]!, addresses]
    }),
  )
}

function serverLists(statements: readonly Statement[]): Map<string, Statement> {
  const lists = statements.filter(({ words }) => ['primaries', 'masters', 'remote-servers'].includes(words[0] ?? ''))
  return new Map(lists.map(statement => [statement.words[1]!, statement]))
}

const ALGORITHMS = new Set(['hmac-md5', 'hmac-sha1', 'hmac-sha224', 'hmac-sha256', 'hmac-sha384', 'hmac-sha512'])

type MigratedKey = { name: string; algorithm: string; secret: { file: string } }

/** A key, whose secret goes into a file of its own. */
function keyOf({ words, block = [], at }: Statement, kept: MigratedFile[], lose: Lose): MigratedKey[] {
  if (words[0] !== 'key' || words[1] === undefined || block.length === 0) return []
  const name = bare(words[1])
  const algorithm = (find(block, 'algorithm')?.words[1] ?? '').toLowerCase().replace(/\.sig-alg\.reg\.int\.?$/, '')
  const secret = find(block, 'secret')?.words[1]
  if (secret === undefined || !ALGORITHMS.has(algorithm)) {
    lose({ words, at }, `the key ${name} has no secret, or an algorithm that is not known`)
    return []
  }
  const path = `keys/${name.replace(/[^\w.-]/g, '_')}.key`
  kept.push({ path, content: printKey({ ...createKey(name, algorithm), secret }), secret: true })
  return [{ name, algorithm, secret: { file: path } }]
}

/** BIND listens on every address of port 53 unless told otherwise. */
function listenOf(options: readonly Statement[]): Written {
  const on = (keyword: string, everywhere: string) => {
    const statements = options.filter(({ words }) => words[0] === keyword && wordAfter(words, 'tls') === undefined)
    if (statements.length === 0) return [everywhere]
    return statements.flatMap(({ words, block = [] }) => {
      const addresses = addressesIn(block)
      const named = addresses.includes('any')
        ? [everywhere]
        : addresses.filter(address => /^[\da-f.:]+$/i.test(address))
      return named.map(address => endpoint([address], wordAfter(words, 'port')))
    })
  }
  const all = [...on('listen-on', '0.0.0.0'), ...on('listen-on-v6', '::')]
  return { dns: [...new Set(all.map(address => (address === '::' ? '[::]:53' : address)))] }
}

/** The first word of each element; lists within lists count as what is in them. */
function addressesIn(elements: readonly Statement[]): string[] {
  return elements.flatMap(({ words: [address], block = [] }) =>
    address === undefined ? addressesIn(block) : [address.replace(/\/(32|128)$/, '')],
  )
}

function viewOf(
  name: string,
  view: readonly Statement[],
  inner: readonly Statement[],
  options: readonly Statement[],
  context: ZoneContext,
): Written {
  const said = (keyword: string) => find(view, keyword) ?? find(options, keyword)
  for (const statement of view) loseOption(statement, context.lose)
  const clients = find(view, 'match-clients')
  const match = clients && readMatchList(clients, context.acls, context.lose)
  const keys = match?.keys.filter(key => isKey(key, clients!, context))
  const destinations = find(view, 'match-destinations')
  const read = inner.flatMap(statement => readZone(statement, context) ?? [])
  const to = forwardersOf(said('forwarders'))
  const validated = said('dnssec-validation')?.words[1] !== 'no' ? { dnssec: 'validate' } : {}
  const recursion = recursionOf(said, context)
  if (recursion.length > 0 && to.length === 0) loseRecursion(name, view, options, read, context)
  const rest = to.length > 0 ? [{ zone: '.', to, ...validated }] : []
  const rules = [...read.flatMap(one => ('forward' in one ? [one.forward] : [])), ...rest]
  const forward = recursion.length > 0 ? rules : []
  return present({
    name,
    match: present({
      clients: match && (match.addresses.length > 0 ? match.addresses : keys!.length > 0 ? undefined : ['none']),
      destinations: destinations && readMatchList(destinations, context.acls, context.lose).addresses,
      keys,
    }),
    recursion: forward.length > 0 ? recursion : undefined,
    zones: read.flatMap(one => ('zone' in one ? [one.zone] : [])),
    forward,
  })
}

/** BIND asks the servers of the root where it has no forwarders; here is nobody to ask then. */
function loseRecursion(
  name: string,
  view: readonly Statement[],
  options: readonly Statement[],
  read: readonly ReadZone[],
  { lose }: ZoneContext,
): void {
  const said = find(view, 'recursion', 'allow-recursion') ?? find(options, 'recursion', 'allow-recursion')
  const at = (said ?? view[0] ?? options[0])?.at ?? 'named.conf'
  const others = read.some(one => one && 'forward' in one) ? ' but those with a rule of their own' : ''
  lose(
    { words: [], at },
    `view ${name}: names that are not ours${others} are refused, for we ask no servers of the root: give forward a resolver`,
  )
}

/** Whom BIND would recurse for: those who are said, else those who may query, else its own networks. */
function recursionOf(said: (keyword: string) => Statement | undefined, { acls, lose }: ZoneContext): string[] {
  if (said('recursion')?.words[1] === 'no') return []
  const statement = said('allow-recursion') ?? said('allow-query')
  if (statement) return readMatchList(statement, acls, lose).addresses
  return ['localhost']
}

/** Copies zone files, and says what keeps one from being copied. */
function fileKeeper(
  files: BindFiles,
  directory: string | undefined,
  suffix: string,
  kept: MigratedFile[],
  lose: Lose,
): ZoneContext['keepFile'] {
  const base =
    directory === undefined ? files.directory : isAbsolute(directory) ? directory : join(files.directory, directory)
  return (path, zone, statement) => {
    const whole = isAbsolute(path) ? path : join(base, path)
    const ours = `zones/${zone === '.' ? 'root' : zone.replace(/[^\w.-]/g, '_')}${suffix}.zone`
    try {
      const content = files.read(whole)
      if (content.includes('\0')) {
        lose(statement, `${whole} is not text: write it anew with named-compilezone -f raw -F text`)
        return undefined
      }
      if (files.exists(`${whole}.jnl`)) lose(statement, `${whole} has a journal: rndc sync first, and migrate again`)
      if (/^\$INCLUDE/im.test(content)) lose(statement, `${whole} includes others: copy them beside ${ours}`)
      if (!kept.some(file => file.path === ours)) kept.push({ path: ours, content })
      return ours
    } catch (error) {
      lose(statement, `${whole} can't be read: ${(error as NodeJS.ErrnoException).code ?? error}`)
      return undefined
    }
  }
}
