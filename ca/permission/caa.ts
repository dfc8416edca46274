import { Rcode, rcodeName } from '../../dns/codes.ts'
import { ancestorName, type Name, parseName, printName } from '../../dns/name.ts'
import { readRdata, Type } from '../../dns/types.ts'
import type { Clock } from '../../host/clock.ts'
import type { Log } from '../../host/log.ts'
import type { Lookup } from '../challenges/challenge.ts'
import { AcmeError, printable } from '../problems.ts'
import { answeredWithin } from '../wait.ts'
import { parseIssueValue } from './issue-value.ts'
import type { Subject } from './subjects.ts'

/** Who asks, and how the name was proved: what RFC 8657's parameters may narrow. */
export interface CaaRequest {
  subject: Subject
  accountUrl: string
  method: string
}

/** Checks certification authority authorization (RFC 8659). */
export interface CaaChecker {
  /** Rejects with AcmeError `caa` where records forbid us, `dns` where the name itself can't be looked up. */
  check(request: CaaRequest, log: Log): Promise<void>
}

/** One record, decoded (RFC 8659 §4.1). */
interface CaaRecord {
  critical: boolean
  tag: string
  value: string
}

type Found = { records: CaaRecord[] } | { failed: string }

/** Milliseconds that the look-ups may take; they are made all at once. */
const LONGEST_WAIT = 4000
const CRITICAL = 0x80

/** `identities` are the issuer domain names by which CAA records mean us. */
export function createCaaChecker(deps: { lookup: Lookup; identities: readonly string[]; clock: Clock }): CaaChecker {
  const { lookup, clock } = deps
  const identities = deps.identities.map(name => name.toLowerCase())

  const find = async (name: Name): Promise<Found> => {
    try {
      const { rcode, answer } = await answeredWithin(clock, lookup(name, Type.CAA), LONGEST_WAIT, () => new Error())
      if (rcode !== Rcode.NOERROR && rcode !== Rcode.NXDOMAIN) return { failed: rcodeName(rcode) }
      // RFC 8659 §3: CNAMEs are followed, by the lookup.
      return { records: answer.filter(record => record.type === Type.CAA).map(record => decode(record.rdata)) }
    } catch {
      return { failed: 'no answer in time' }
    }
  }

  return {
    async check(request, log) {
      const name = parseName(request.subject.identifier.value)
      // RFC 8659 §3: the closest ancestor (or the name itself) that has records decides. All are asked at once.
      const asked = climb(name).map(where => ({ where, answer: find(where) }))
      for (const { where, answer } of asked) {
        const found = await answer
        if ('failed' in found) tolerate(where, name, found.failed, log)
        else if (found.records.length > 0) return authorize(found.records, printName(where), request, identities)
      }
    },
  }
}

/**
 * Differs from RFC 8659 §3 as CA/Browser Forum BR 3.2.2.8 allows: a name above that can't be looked up counts as one without records,
 * for a private CA must go on issuing where nothing but its own zones is reachable.
 */
function tolerate(where: Name, name: Name, failure: string, log: Log): void {
  if (where === name) throw new AcmeError('dns', `the CAA lookup of ${printName(name)} failed: ${failure}`)
  log.warn({ name: printName(where), failure }, 'CAA lookup failed; counted as no records')
}

function climb(name: Name): Name[] {
  const names: Name[] = []
  for (let at = name; at[0] !== 0; at = ancestorName(at)) names.push(at)
  return names
}

function decode(rdata: Uint8Array): CaaRecord {
  const { flags, tag, value } = readRdata('CAA', rdata)
  return { critical: (flags & CRITICAL) !== 0, tag: tag.toLowerCase(), value: Buffer.from(value).toString('latin1') }
}

const KNOWN_TAGS = ['issue', 'issuewild', 'iodef', 'contactemail', 'contactphone', 'issuemail', 'issuevmc']

function authorize(
  records: readonly CaaRecord[],
  where: string,
  request: CaaRequest,
  identities: readonly string[],
): void {
  // RFC 8659 §4.1: a critical property that is not understood forbids issuance.
  const unknown = records.find(record => record.critical && !KNOWN_TAGS.includes(record.tag))
  if (unknown) throw refused(where, `has the critical property "${printable(unknown.tag)}", which is not known here`)
  const relevant = relevantRecords(records, request.subject.wildcard)
  if (relevant.length === 0) return
  if (relevant.some(record => permits(record.value, request, identities))) return
  throw refused(where, `does not name ${identities.join(' or ')} for this account and validation method`)
}

// RFC 8659 §4.3: for a wildcard "issuewild" where there is any, else "issue"; for other names "issue" alone.
function relevantRecords(records: readonly CaaRecord[], wildcard: boolean): CaaRecord[] {
  const of = (tag: string) => records.filter(record => record.tag === tag)
  return wildcard && of('issuewild').length > 0 ? of('issuewild') : of('issue')
}

function refused(where: string, why: string): AcmeError {
  return new AcmeError('caa', `the CAA RRset of ${where} ${why}`)
}

function permits(value: string, request: CaaRequest, identities: readonly string[]): boolean {
  const parsed = parseIssueValue(value)
  if (!parsed || !identities.includes(parsed.issuer)) return false
  // RFC 8657 §3: a property that names several accounts names none. Several lists of methods contradict each other likewise.
  const isTwice = NARROWING.some(tag => parsed.parameters.filter(parameter => parameter.tag === tag).length > 1)
  return !isTwice && parsed.parameters.every(({ tag, value }) => parameterHolds(tag, value, request))
}

const NARROWING = ['accounturi', 'validationmethods']

// RFC 8657 §3, §4; RFC 8659 §4.2 leaves other parameters to the issuer: they are ignored.
function parameterHolds(tag: string, value: string, { accountUrl, method }: CaaRequest): boolean {
  if (tag === 'accounturi') return value === accountUrl
  if (tag === 'validationmethods') return value.split(',').includes(method)
  return true
}
