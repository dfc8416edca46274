import { addressBytes } from '../../config/address.ts'
import type { Written } from '../../config/kinds.ts'
import { bare, endpoint, find, forwardersOf, type Lose, readMatchList, wordAfter } from './bind-lists.ts'
import { present } from './migration.ts'
import type { Statement } from './named-conf.ts'

/** What is known of the rest of the file when a zone is read. */
export interface ZoneContext {
  acls: ReadonlySet<string>
  /** The TSIG keys that there are. */
  keys: ReadonlySet<string>
  /** Named lists of servers. */
  servers: ReadonlyMap<string, Statement>
  /** Statements of the view and of the options, the nearest first: what a zone does not say, they may. */
  defaults: readonly (readonly Statement[])[]
  lose: Lose
  /** Keeps a zone's file; gives our path to it. */
  keepFile: (path: string, zone: string, statement: Statement) => string | undefined
}

/** A zone of ours, or a forward rule, or nothing where the zone is of a kind that needs none. */
export type ReadZone = { zone: { [key: string]: Written } } | { forward: { [key: string]: Written } } | undefined

/** Reads a `zone` statement. */
export function readZone(statement: Statement, context: ZoneContext): ReadZone {
  const name = bare(statement.words[1] ?? '')
  const block = statement.block ?? []
  const type = find(block, 'type')?.words[1]
  switch (type) {
    case 'master':
    case 'primary':
      return { zone: primary(name, statement, block, context) }
    case 'slave':
    case 'secondary':
    case 'mirror':
      return secondary(name, statement, block, context)
    case 'forward':
      return forward(name, statement, block, context)
    case 'stub':
    case 'static-stub':
      context.lose(statement, `the ${type} zone ${name}: make it a forward rule or a stub`)
      return undefined
    case 'hint':
      return undefined
    default:
      context.lose(statement, `the zone ${name} of type ${type ?? 'none'} is not known here`)
      return undefined
  }
}

function primary(name: string, statement: Statement, block: readonly Statement[], context: ZoneContext) {
  const update = [...allowUpdate(name, block, context), ...updatePolicy(name, block, context)]
  const path = find(block, 'file')?.words[1]
  const file = path === undefined ? undefined : context.keepFile(path, name, statement)
  if (path === undefined) context.lose(statement, `the zone ${name} has no file`)
  const dynamic = update.length > 0 || file === undefined
  return present({
    ...{ name, type: 'primary', file, dynamic: dynamic || undefined, update },
    ...shared(name, block, context),
    dnssec: signs(name, block, context),
  })
}

function secondary(name: string, statement: Statement, block: readonly Statement[], context: ZoneContext): ReadZone {
  const primaries = serversOf(find(block, 'primaries', 'masters'), context)
  if (primaries.length > 0)
    return { zone: present({ name, type: 'secondary', primaries, ...shared(name, block, context) }) }
  context.lose(statement, `the zone ${name} names no primaries that we could ask`)
  return undefined
}

function forward(name: string, statement: Statement, block: readonly Statement[], { lose }: ZoneContext): ReadZone {
  const to = forwardersOf(find(block, 'forwarders'))
  if (to.length > 0) return { forward: { zone: name, to } }
  lose(statement, `${name} is exempt from forwarding: there is no recursion without forwarders here`)
  return undefined
}

/** Who may have the zone, and who is told of it. */
function shared(name: string, block: readonly Statement[], context: ZoneContext) {
  const transfers = inherited('allow-transfer', block, context)
  const list = transfers && readMatchList(transfers, context.acls, context.lose)
  if (!transfers && block.length > 0)
    context.lose(block[0]!, `${name}: where allow-transfer is left out BIND lets everybody transfer; here nobody may`)
  const from = list?.addresses ?? []
  return {
    transfer: [
      ...(list?.keys ?? []).filter(key => isKey(key, transfers!, context)).map(key => ({ key })),
      ...(from.length > 0 ? [{ from }] : []),
    ],
    notify: serversOf(inherited('also-notify', block, context), context),
  }
}

function inherited(keyword: string, block: readonly Statement[], { defaults }: ZoneContext): Statement | undefined {
  for (const statements of [block, ...defaults]) {
    const found = find(statements, keyword)
    if (found) return found
  }
  return undefined
}

/** Whether there is a key of this name; in BIND one may also be a SIG(0) key, or a principal of GSS-TSIG. */
export function isKey(name: string, { at }: Statement, { keys, lose }: ZoneContext): boolean {
  if (keys.has(name)) return true
  lose({ words: [], at }, `there is no TSIG key ${name}: SIG(0) and GSS-TSIG are not known`)
  return false
}

/** The servers of a list, those of lists that it names included, each list once. */
function serversOf(
  statement: Statement | undefined,
  context: ZoneContext,
  seen: ReadonlySet<Statement> = new Set(),
): Written[] {
  if (!statement || seen.has(statement)) return []
  const port = wordAfter(statement.words, 'port')
  return (statement.block ?? []).flatMap(({ words, at }): Written[] => {
    const named = context.servers.get(words[0] ?? '')
    if (named) return serversOf(named, context, new Set([...seen, statement]))
    if (addressBytes(words[0] ?? '') === undefined) {
      context.lose({ words, at }, `"${words[0]}" is no address, and no list of servers`)
      return []
    }
    if (wordAfter(words, 'tls') !== undefined) context.lose({ words, at }, 'over TLS: write tls://ADDRESS#NAME')
    const address = endpoint(words, port)
    const key = wordAfter(words, 'key')
    if (key === undefined || !isKey(bare(key), { words, at }, context)) return [address]
    return [{ address, key: bare(key) }]
  })
}

function allowUpdate(name: string, block: readonly Statement[], context: ZoneContext): { [key: string]: Written }[] {
  const statement = inherited('allow-update', block, context)
  if (!statement) return []
  const { keys, addresses } = readMatchList(statement, context.acls, context.lose)
  if (addresses.length > 0)
    context.lose(statement, `${name}: updates without a signature are not taken; give the clients keys`)
  const known = keys.filter(key => isKey(key, statement, context))
  return known.map(key => ({ key, names: ['**', `${name}.`], wildcards: true }))
}

/** Patterns of the rule types that we can say; `name` is the rule's, `key` its identity. */
const RULES: Readonly<Record<string, (name: string, key: string) => string>> = {
  name: name => `${name}.`,
  subdomain: name => `**.${name}.`,
  wildcard: name => `*.**.${name.replace(/^\*\./, '')}.`,
  self: (_, key) => `${key}.`,
  selfsub: (_, key) => `**.${key}.`,
  selfwild: (_, key) => `*.**.${key}.`,
}

function updatePolicy(zone: string, block: readonly Statement[], context: ZoneContext): { [key: string]: Written }[] {
  const { lose } = context
  const statement = find(block, 'update-policy')
  if (statement?.words[1] === 'local')
    lose(statement, `${zone}: update-policy local: use "namestead zone import", or give the client a key`)
  const rules = statement?.block ?? []
  const denial = rules.findIndex(({ words }) => words[0] !== 'grant')
  // What follows it may allow what it denies.
  if (denial >= 0)
    lose(rules[denial]!, `${zone}: rules that deny are not known: this and those that follow are left out`)
  return rules.slice(0, denial < 0 ? rules.length : denial).flatMap(rule => {
    const [, identity = '', kind = '', ...rest] = rule.words
    const key = bare(identity)
    if (key.includes('*') || (!Object.hasOwn(RULES, kind) && kind !== 'zonesub')) {
      lose(rule, `${zone}: "${rule.words.join(' ')}" is not known here`)
      return []
    }
    if (!isKey(key, rule, context)) return []
    const wholeZone = kind === 'zonesub'
    const names = wholeZone ? ['**', `${zone}.`] : [RULES[kind]!(bare(rest[0] ?? ''), key)]
    const types = (wholeZone ? rest : rest.slice(1)).filter(word => word.toUpperCase() !== 'ANY').map(plainType)
    return [present({ key, names, types, wildcards: true })]
  })
}

/** "TXT(3)", at most three of them, as TXT: how many there may be is not limited here. */
function plainType(word: string): string {
  return word.replace(/\(\d+\)$/, '')
}

function signs(name: string, block: readonly Statement[], context: ZoneContext): Written | undefined {
  const policy = inherited('dnssec-policy', block, context)?.words[1]
  const old = find(block, 'auto-dnssec', 'inline-signing')?.words[1]
  if ((policy ?? 'none') === 'none' && (old === undefined || old === 'no' || old === 'off')) return undefined
  context.lose(block[0]!, `${name} is signed with new keys: let the parent have their DS before this server answers`)
  return { sign: true }
}
