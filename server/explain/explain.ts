import { Rcode, rcodeName } from '../../dns/codes.ts'
import { isMadeBySigning } from '../../dns/dnssec.ts'
import { equalNames, isSubdomain, type Name, printName } from '../../dns/name.ts'
import type { ResourceRecord } from '../../dns/record.ts'
import { printRecord, Type, typeCode, typeName } from '../../dns/types.ts'
import { historyOf } from '../../zones/history/history.ts'
import type { Step } from '../../zones/lookup/trace.ts'
import { CommandError, nameArgument } from '../control/control.ts'
import { isSecondary, type ServedZone } from '../zones/zones.ts'
import { describeRule, errorsOf, ruleFor } from './answers.ts'
import { factsOf, portOf, whyThisView } from './asked.ts'
import { gather, type SeenView, type Sources, type Story } from './story.ts'
import { judge } from './verdict.ts'

/** `{ name, type?, from?, key?, port?, views? }` → what that client gets for that name, from where, and why; of other views only of those. */
export type Explain = (args: Record<string, unknown>) => Promise<object>

/** By the very code that serves: the choice of the view, the look-up, the resolver. */
export function createExplain(sources: Sources): Explain {
  return async args => {
    const name = nameArgument(args['name'])
    const type = typeCode(String(args['type'] ?? 'A'))
    if (type === undefined) throw new CommandError(`"${args['type']}" is not a record type`, 2)
    const views = args['views'] as readonly string[] | undefined
    const story = await gather(sources, name, type, { facts: factsOf(args), port: portOf(args), views })
    return {
      ...{ name: printName(name), type: typeName(type), verdict: judge(story) },
      ...(story.seen ? await tellView(story.seen, story) : NOBODY),
      elsewhere: story.elsewhere.filter(hasZone).map(other => tellElsewhere(other, story.seen)),
      ...(story.certified && { certificates: { ...story.certified.affairs, endpoints: story.certified.endpoints } }),
    }
  }
}

const NOBODY = { because: 'no view matches', source: 'none', rcode: 'REFUSED', answer: [], notes: [], steps: [] }

async function tellView(seen: SeenView, { name, facts }: Story) {
  const { view, zone, inquiry, steps } = seen
  const { answer, rcode } = inquiry.message
  const owner = holderOf(answer, zone)
  const changed = zone && (await lastChange(zone, steps.at(-1)?.wildcard ?? steps.at(-1)?.name ?? name))
  return {
    view: view.name,
    because: whyThisView(view, facts),
    source: describeSource(seen, name),
    steps: steps.map(describeStep),
    rcode: rcodeName(rcode),
    answer: answer.map(printRecord),
    notes: [...notesOn(seen), ...notesOnValidation(seen)],
    ...(zone && { zone: describeZone(zone) }),
    ...(owner !== undefined && { owner }),
    ...(changed && { changed }),
  }
}

function hasZone({ steps }: SeenView): boolean {
  return steps.length > 0
}

function tellElsewhere({ view, inquiry }: SeenView, seen: SeenView | undefined) {
  const { answer, rcode } = inquiry.message
  const told = answer.map(printRecord)
  const own = seen?.inquiry.message
  const same = own?.rcode === rcode && own.answer.map(printRecord).sort().join() === [...told].sort().join()
  return { view: view.name, rcode: rcodeName(rcode), answer: told, same }
}

function describeSource({ view, steps, zone, inquiry: { unresolved } }: SeenView, name: Name): string {
  if (unresolved?.delegation) return `the servers of the delegation ${printName(unresolved.delegation.cut)}`
  const origin = steps[0]?.zone ?? zone?.origin
  if (origin) return `zone ${printName(origin)}${unresolved ? `, then ${describeRule(view, unresolved.name)}` : ''}`
  return describeRule(view, name)
}

/** One line for a step: which zone said what, and what stood in for the name. */
function describeStep({ zone, serial, name, kind, at, wildcard, types, target }: Step): string {
  const where = `${printName(zone)} (serial ${serial})`
  switch (kind) {
    case 'answer':
      return wildcard
        ? `${where}: ${printName(wildcard)} stands for ${printName(name)}`
        : `${where}: ${printName(name)}`
    case 'cname':
      return `${where}: ${printName(wildcard ?? name)} is an alias of ${target ? printName(target) : 'nothing'}`
    case 'dname':
      return `${where}: names below ${printName(at)} are redirected, to ${target ? printName(target) : 'a name that is too long'}`
    case 'referral':
      return `${where}: ${printName(at)} is delegated`
    case 'nodata':
      return `${where}: ${printName(wildcard ?? name)} has ${types.map(typeName).join(', ') || 'no records of this type'}`
    case 'nxdomain':
      return `${where}: ${printName(name)} does not exist; the nearest that does is ${printName(at)}`
  }
}

function describeZone(zone: ServedZone) {
  const kind = isSecondary(zone) ? 'secondary' : zone.overlay ? 'overlay' : 'primary'
  return { name: printName(zone.origin), kind, serial: zone.image?.latest().serial() ?? null }
}

/** The key that added the answer's records, where they are a key's. */
function holderOf(answer: readonly ResourceRecord[], zone: ServedZone | undefined): string | undefined {
  const holders = new Set(answer.flatMap(record => zone?.holderOf(record) ?? []))
  return holders.size > 0 ? [...holders].join(', ') : undefined
}

/** Changes of the zone that are looked through for one of the name. */
const LOOKED_THROUGH = 200

/** When and by whom a record of this owner was changed last, as far back as that is looked for. */
async function lastChange({ pipeline }: ServedZone, owner: Name) {
  const entries = pipeline ? await historyOf(pipeline, LOOKED_THROUGH) : []
  // A neighbour's change makes an NSEC, and a signature, of this owner anew.
  const asked = ({ type }: ResourceRecord) => type !== Type.SOA && !isMadeBySigning(type)
  const concerns = (record: ResourceRecord) => asked(record) && equalNames(record.owner, owner)
  const entry = entries.find(({ change }) => change.added.some(concerns) || change.deleted.some(concerns))
  if (!entry) return undefined
  const { at, key, source, serialAfter } = entry
  return {
    at: new Date(at).toISOString(),
    by: key === undefined ? source : `key ${key} from ${source}`,
    serial: serialAfter,
  }
}

function notesOn({ inquiry, recursive, steps, zone }: SeenView): string[] {
  const notes: string[] = []
  if (!recursive) notes.push('the view does not recurse for this client')
  for (const part of inquiry.parts) {
    if (part.kind !== 'resolved') continue
    notes.push(
      `from ${part.answer.from === 'upstream' ? 'an upstream, just now' : `the resolver: ${part.answer.from}`}`,
    )
  }
  const cut = inquiry.message.authority.find(({ type, owner }) => isCut(type, owner, steps))
  if (cut) notes.push(`referral: ${printName(cut.owner)} is delegated`)
  if (zone && !isSecondary(zone) && zone.signed) notes.push('the zone is signed here')
  for (const { code, text } of errorsOf(inquiry)) notes.push(`Extended DNS Error ${code}${text && `: ${text}`}`)
  return notes
}

/** What validation came to, and where there was none, why. */
function notesOnValidation({ view, zone, inquiry: { parts, unresolved, message } }: SeenView): string[] {
  const found = parts.flatMap(part => (part.kind === 'resolved' && part.answer.security ? [part.answer.security] : []))
  if (found.length > 0) return found.map(({ status, reason }) => `DNSSEC: ${status}: ${reason}`)
  if (!unresolved) return zone ? ['DNSSEC: not validated: the zone is our own'] : []
  if (unresolved.delegation) return ['DNSSEC: not validated: the delegation is of a zone of our own']
  const rule = ruleFor(view, unresolved.name)
  if (!rule) return []
  if (rule.dnssec === 'off') return [`DNSSEC: not validated: forward rule ${printName(rule.zone)} does not ask for it`]
  return message.rcode === Rcode.SERVFAIL ? ['DNSSEC: validation is on; the answer failed, or there was none'] : []
}

function isCut(type: number, owner: Name, steps: readonly Step[]): boolean {
  const zone = steps.at(-1)?.zone
  return type === Type.NS && zone !== undefined && !equalNames(owner, zone) && isSubdomain(owner, zone)
}
