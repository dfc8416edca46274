import { Type } from '../../dns/types.ts'
import { SearchKey } from '../image/key.ts'
import type { ZoneVersion } from '../zone.ts'

/**
 * What a zone says to a name and a type (RFC 1034 §4.3.2 step 3):
 * `answer`: the RRset asked for; `cname`: an alias, to be followed; `dname`: an ancestor is redirected (RFC 6672 §3.2);
 * `referral`: an ancestor or the name itself is delegated; `nodata`: the name exists without that type; `nxdomain`: it does not.
 */
export type OutcomeKind = 'answer' | 'cname' | 'dname' | 'referral' | 'nodata' | 'nxdomain'

/** Where an `Outcome` has no entry or RRset. */
const NONE = 0

/**
 * The outcome of one lookup, filled in place. One object serves a thread; it holds references into the version it was made from
 * and is valid until the next lookup.
 */
export class Outcome {
  kind: OutcomeKind = 'nxdomain'
  /** The name's own entry, the source of synthesis', or that of the cut or DNAME; 0 where there is none. */
  entry: number = NONE
  /** The RRset that is the answer: also CNAME, DNAME, or the NS of the cut. */
  rrset: number = NONE
  /** Labels, below the origin, of the name asked for, and of the cut, the DNAME's owner or else the closest encloser. */
  labels = 0
  closest = 0
  /** The data was synthesized from a wildcard (RFC 4592 §3.3), or its absence found there. */
  wildcard = false
  readonly key = new SearchKey()
  readonly wildcardKey = new SearchKey()
}

/** Looks the uncompressed name at `buf[at]`, `length` octets with its root label, up in a version of the zone it is in. */
export function lookup(
  version: ZoneVersion,
  buf: Uint8Array,
  at: number,
  length: number,
  qtype: number,
  into: Outcome,
): void {
  const { key } = into
  const { reader } = version.image
  key.read(buf, at, length - version.origin.length)
  into.labels = key.labels
  into.wildcard = false
  reader.locate(version.at, key)
  const { entry, closest } = reader
  into.closest = closest
  if (redirected(version, qtype, into)) return
  if (entry !== NONE) {
    ofEntry(version, entry, qtype, into)
    return
  }
  // RFC 4592 §2.2.3: an empty non-terminal exists, so nothing is synthesized for it.
  if (closest === key.labels) settle(into, 'nodata', NONE, NONE)
  else if (!reader.hasWildcards(version.at)) settle(into, 'nxdomain', NONE, NONE)
  else synthesized(version, qtype, into)
}

/** RFC 1034 §4.3.2 step 3b, RFC 6672 §3.2 step 3c: going down from the apex, the first cut or DNAME decides. */
function redirected(version: ZoneVersion, qtype: number, into: Outcome): boolean {
  const { reader } = version.image
  const { key, labels } = into
  const apex = reader.ancestor(version.at, key, 0)
  if (labels > 0 && reader.hasDNAME(apex)) {
    into.closest = 0
    settle(into, 'dname', apex, reader.find(apex, Type.DNAME))
    return true
  }
  if (!reader.hasCuts(version.at)) return false
  for (let depth = 1; depth <= into.closest; depth++) {
    const entry = reader.ancestor(version.at, key, depth)
    if (entry === NONE) continue
    // RFC 4035 §3.1.4.1: the DS of a delegated name is the parent's own.
    const cut = reader.hasNS(entry) && (depth < labels || qtype !== Type.DS)
    if (!cut && !(reader.hasDNAME(entry) && depth < labels)) continue
    into.closest = depth
    settle(into, cut ? 'referral' : 'dname', entry, reader.find(entry, cut ? Type.NS : Type.DNAME))
    return true
  }
  return false
}

/** RFC 4592 §3.3: the source of synthesis is "*" below the closest encloser. */
function synthesized(version: ZoneVersion, qtype: number, into: Outcome): void {
  const { reader } = version.image
  const { wildcardKey } = into
  wildcardKey.readWildcard(into.key, into.closest)
  reader.locate(version.at, wildcardKey)
  const { entry } = reader
  const exists = reader.closest === wildcardKey.labels
  if (!exists) {
    settle(into, 'nxdomain', NONE, NONE)
    return
  }
  into.wildcard = true
  // RFC 4592 §2.2.2: a source of synthesis that owns nothing, but has names below it, answers with no data.
  if (entry === NONE) settle(into, 'nodata', NONE, NONE)
  else ofEntry(version, entry, qtype, into)
}

/** RFC 1034 §4.3.2 step 3a: the name, or the wildcard that stands for it, is there. */
function ofEntry(version: ZoneVersion, entry: number, qtype: number, into: Outcome): void {
  const { reader } = version.image
  const rrset = qtype === Type.ANY ? reader.anyOf(entry) : reader.find(entry, qtype)
  if (rrset !== NONE) settle(into, 'answer', entry, rrset)
  // RFC 4035 §2.5: what may stand beside a CNAME is never looked for at its target.
  else if (reader.hasCNAME(entry) && qtype !== Type.RRSIG && qtype !== Type.NSEC)
    settle(into, 'cname', entry, reader.find(entry, Type.CNAME))
  else settle(into, 'nodata', entry, NONE)
}

function settle(into: Outcome, kind: OutcomeKind, entry: number, rrset: number): void {
  into.kind = kind
  into.entry = entry
  into.rrset = rrset
}
