import { Ede, Rcode, rcodeName } from '../../dns/codes.ts'
import { ancestorName, equalNames, printName, wildcardOf } from '../../dns/name.ts'
import type { ResourceRecord } from '../../dns/record.ts'
import { printRdata, readRdata, Type, typeName } from '../../dns/types.ts'
import { inLargestUnit } from '../../web/client/largest-unit.ts'
import { recordsOf } from '../../zones/draft.ts'
import type { Step } from '../../zones/lookup/trace.ts'
import { printServer } from '../../zones/transfer/primaries.ts'
import { isSecondary } from '../zones/zones.ts'
import { describeRule, errorsOf } from './answers.ts'
import { describeClient } from './asked.ts'
import { CERTIFICATE_FINDINGS } from './certificate-findings.ts'
import type { Finding, SeenView, Story } from './story.ts'

/** What is wrong, or that nothing is: the first line that somebody with a pager reads. */
export interface Verdict {
  /** Names the kind of finding, for programs; "fine" where nothing is wrong. */
  finding: string
  text: string
}

/** A finding about the client's view, where there is one. */
function ofView(id: string, says: (seen: SeenView, story: Story) => string | undefined): Finding {
  return { id, says: story => story.seen && says(story.seen, story) }
}

/** From the most fundamental to the most particular: the first that speaks is the verdict. */
const FINDINGS: readonly Finding[] = [
  {
    id: 'unknown-key',
    says: ({ keyKnown, facts }) =>
      keyKnown
        ? undefined
        : `NOTAUTH (BADKEY): no key ${printName(facts.key!)} is configured; add it under keys, or correct the name at the client`,
  },
  {
    id: 'no-view',
    says: ({ seen, facts }) =>
      seen
        ? undefined
        : `REFUSED: no view is for ${describeClient(facts)}; add the address or the key to a view's match`,
  },
  ofView('zone-expired', ({ view, zone, inquiry }, { now }) => {
    if (!zone || zone.image || !isSecondary(zone) || inquiry.message.rcode !== Rcode.SERVFAIL) return undefined
    const { checked, primaries } = zone.status
    const from = primaries.map(printServer).join(', ')
    return checked === undefined
      ? `SERVFAIL: ${printName(zone.origin)} in view ${view.name} was never transferred; none of its primaries (${from}) has given it to us`
      : `SERVFAIL: ${printName(zone.origin)} in view ${view.name} has expired; no primary (${from}) was reached for ${inLargestUnit(now - checked)}`
  }),
  ofView('zone-not-loaded', ({ view, zone, inquiry }) =>
    zone && !zone.image && inquiry.message.rcode === Rcode.SERVFAIL
      ? `SERVFAIL: ${printName(zone.origin)} in view ${view.name} has nothing to serve yet`
      : undefined,
  ),
  ofView('alias-loop', ({ steps }) => {
    const target = steps.at(-1)?.target
    if (!target || !steps.some(({ name }) => equalNames(name, target))) return undefined
    return `the aliases go in a circle: ${chainOf(steps)}; change one of them`
  }),
  ofView('bogus', ({ inquiry }) => {
    const bogus = errorsOf(inquiry).find(({ code }) => code >= Ede.DNSSEC_BOGUS && code <= Ede.NSEC_MISSING)
    return bogus && inquiry.message.rcode === Rcode.SERVFAIL
      ? `SERVFAIL: DNSSEC validation failed: ${bogus.text || 'bogus'}; the zone's signatures or its DS at the parent are wrong`
      : undefined
  }),
  ofView('upstreams-down', ({ view, inquiry, steps }, { name }) => {
    if (inquiry.message.rcode !== Rcode.SERVFAIL || !inquiry.unresolved) return undefined
    const why = errorsOf(inquiry).map(({ text }) => text)[0] ?? 'no server answered'
    const { delegation } = inquiry.unresolved
    if (delegation)
      return `SERVFAIL: the servers to which ${printName(delegation.cut)} is delegated do not answer: ${why}`
    return `SERVFAIL: the ${describeRule(view, inquiry.unresolved.name)} got no answer for ${printName(steps.length > 0 ? inquiry.unresolved.name : name)}: ${why}`
  }),
  ofView('stale', ({ inquiry }) =>
    errorsOf(inquiry).some(({ code }) => code === Ede.STALE_ANSWER || code === Ede.STALE_NXDOMAIN)
      ? 'answered from the cache past its time, because no upstream answers now (RFC 8767)'
      : undefined,
  ),
  ofView('alias-to-nowhere', ({ steps, inquiry, recursive, view }) => {
    const chain = steps.filter(({ target }) => target)
    const { rcode, answer } = inquiry.message
    const last = chain.at(-1)
    if (!last || rcode === Rcode.SERVFAIL) return undefined
    const ended = answer.some(({ type }) => type !== Type.CNAME && type !== Type.DNAME && type !== Type.RRSIG)
    if (ended) return undefined
    const target = printName(steps.at(-1)!.target ?? steps.at(-1)!.name)
    const led = `${chainOf(chain)} is an alias that leads nowhere`
    if (rcode === Rcode.NXDOMAIN) return `${led}: ${target} does not exist`
    if (steps.at(-1) !== last) return `${led}: ${target} has no such record`
    if (inquiry.unresolved) return `${led}: ${target} has no such record`
    return recursive
      ? `${led}: ${target} is in no zone of view ${view.name}, and no forward rule is for it`
      : `${led}: ${target} is in no zone of view ${view.name}, which does not recurse for this client`
  }),
  ofView('overlay-hides', ({ zone, steps, view }, { type, elsewhere }) => {
    if (!zone || isSecondary(zone) || !zone.overlay || !isAbsent(steps)) return undefined
    const { overlay } = zone
    const { name } = steps.at(-1)!
    const base = elsewhere.find(({ zone: other }) => other && other === overlay.base)
    const hidden = base?.zone?.image?.latest().rrset(name, type)
    const [record] = hidden ? recordsOf(hidden) : []
    return (
      record &&
      `the overlay in view ${view.name} hides it: ${overlay.whyHidden(record)}; view ${base!.view.name} has ${brief(record)}`
    )
  }),
  ofView('in-another-view', ({ steps, view, inquiry }, { name, type, elsewhere }) => {
    if (!isAbsent(steps) && inquiry.message.rcode !== Rcode.REFUSED) return undefined
    const other = elsewhere.find(({ inquiry }) => inquiry.message.answer.some(record => record.type === type))
    if (!other) return undefined
    const what = `${printName(name)} ${typeName(type)}`
    return `${what} is in view ${other.view.name}, and this client gets view ${view.name}, which has it not`
  }),
  ofView('not-recursive', ({ inquiry, recursive, view, steps }, { facts }) =>
    inquiry.message.rcode === Rcode.REFUSED && !recursive && steps.length === 0
      ? `REFUSED: the name is in no zone of view ${view.name}, and the view does not recurse for ${describeClient(facts)}; add the address to recursion, if it is meant to be`
      : undefined,
  ),
  ofView('no-rule', ({ inquiry, recursive, view, steps }) =>
    inquiry.message.rcode === Rcode.REFUSED && recursive && steps.length === 0
      ? `REFUSED: the name is in no zone of view ${view.name}, and none of its forward rules is for it`
      : undefined,
  ),
  ofView('delegated', ({ steps, recursive }) => {
    const last = steps.at(-1)
    return last?.kind === 'referral' && !recursive
      ? `referral: ${printName(last.at)} is delegated, and the view does not recurse for this client`
      : undefined
  }),
  ofView('secondary-behind', ({ zone }, { now }) => {
    if (!zone || !isSecondary(zone)) return undefined
    const { checked, expires, primaries } = zone.status
    const soa = zone.soa()
    if (!soa || checked === undefined || expires === undefined) return undefined
    const { refresh, retry } = readRdata('SOA', soa.rdata)
    if (now - checked <= (refresh + retry) * 1000) return undefined
    const from = primaries.map(printServer).join(', ')
    return `${printName(zone.origin)} may be out of date: no primary (${from}) was reached for ${inLargestUnit(now - checked)}; it expires in ${inLargestUnit(expires - now)}`
  }),
  ofView('home', ({ steps, zone, view }) => {
    const last = steps.at(-1)
    if (!last || zone || !isAbsent(steps)) return undefined
    return `${printName(last.name)} is below ${printName(last.zone)}, which no server of the world knows and view ${view.name} answers at home (RFC 6303, RFC 6761); a zone or a forward rule of yours goes over it`
  }),
  ofView('wildcard-blocked', ({ steps, zone }) => {
    const last = steps.at(-1)
    const version = zone?.image?.latest()
    if (last?.kind !== 'nxdomain' || !version || equalNames(last.at, last.zone)) return undefined
    for (let above = last.at; above.length > last.zone.length; ) {
      above = ancestorName(above)
      const wildcard = wildcardOf(above)
      if (wildcard && version.typesAt(wildcard).length > 0)
        return `NXDOMAIN: ${printName(wildcard)} does not stand for it, because ${printName(last.at)} exists (RFC 4592 §2.2.2)`
    }
    return undefined
  }),
  ofView('nxdomain', ({ steps, zone }) => {
    const last = steps.at(-1)
    if (last?.kind !== 'nxdomain' || !zone) return undefined
    return `NXDOMAIN: ${printName(last.zone)} (serial ${last.serial}) has no ${printName(last.name)}; the nearest that exists is ${printName(last.at)}`
  }),
  ofView('empty-non-terminal', ({ steps }, { type }) => {
    const last = steps.at(-1)
    return last?.kind === 'nodata' && last.types.length === 0 && !last.wildcard
      ? `no ${typeName(type)}: ${printName(last.name)} exists only because there are names below it`
      : undefined
  }),
  ofView('no-such-type', ({ steps, zone }, { type }) => {
    const last = steps.at(-1)
    if (last?.kind !== 'nodata') return undefined
    const { wildcard } = last
    const types = wildcard ? (zone?.image?.latest().typesAt(wildcard) ?? []) : last.types
    return `no ${typeName(type)}: ${printName(wildcard ?? last.name)} has ${types.map(typeName).join(', ') || 'nothing'}`
  }),
  ofView('upstream-says-no', ({ inquiry }, { name, type }) => {
    const { rcode, answer } = inquiry.message
    if (!inquiry.unresolved || answer.length > 0) return undefined
    if (rcode === Rcode.NXDOMAIN) return `NXDOMAIN: ${printName(name)} does not exist, by what an upstream said`
    return rcode === Rcode.NOERROR ? `no ${typeName(type)} for ${printName(name)}, by what an upstream said` : undefined
  }),
  ofView('failed', ({ inquiry }) => {
    const { rcode } = inquiry.message
    if (rcode === Rcode.NOERROR || rcode === Rcode.NXDOMAIN) return undefined
    const why = errorsOf(inquiry).map(({ text }) => text)[0]
    return `${rcodeName(rcode)}${why ? `: ${why}` : ''}`
  }),
]

/** The first finding that speaks, or that all is well. */
export function judge(story: Story): Verdict {
  for (const { id, says } of [...FINDINGS, ...CERTIFICATE_FINDINGS]) {
    const text = says(story)
    if (text !== undefined) return { finding: id, text }
  }
  const found = story.seen!.inquiry.message.answer.filter(({ type }) => type === story.type)
  const values = found.map(({ type, rdata }) => printRdata(type, rdata))
  return { finding: 'fine', text: values.length > 0 ? values.join(', ') : 'answered' }
}

/** Whether the zones end in "there is none". */
function isAbsent(steps: readonly Step[]): boolean {
  const kind = steps.at(-1)?.kind
  return kind === 'nxdomain' || kind === 'nodata'
}

function chainOf(steps: readonly Step[]): string {
  const names = steps.map(({ name }) => printName(name))
  const target = steps.at(-1)?.target
  return [...names, ...(target ? [printName(target)] : [])].join(' → ')
}

function brief({ type, rdata }: ResourceRecord): string {
  return `${typeName(type)} ${printRdata(type, rdata)}`
}
