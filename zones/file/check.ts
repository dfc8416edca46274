import { equalNames, isSubdomain, type Name, printName } from '../../dns/name.ts'
import type { RRset } from '../../dns/record.ts'
import { Type, targetOf, typeName } from '../../dns/types.ts'
import { faultsAt } from '../update/node-rules.ts'
import type { ZoneVersion } from '../zone.ts'

/** Something that is wrong or doubtful about a zone, and the RRset it is about. */
export interface Finding {
  severity: 'error' | 'warning'
  owner: Name
  type: number
  message: string
}

/** What keeps the zone from being served right, and what is legal but hardly meant. */
export function checkZone(version: ZoneVersion): Finding[] {
  const findings: Finding[] = []
  const { origin } = version
  const report = (severity: Finding['severity'], owner: Name, type: number, message: string) =>
    findings.push({ severity, owner, type, message: `${printName(owner)} ${message}` })
  if (!version.rrset(origin, Type.NS)) report('error', origin, Type.NS, 'has no NS record at the apex')
  let cut: Cut | undefined
  const walk = version.owners()
  while (walk.next()) {
    if (!cut && isAddress(walk.plainType(FEW))) continue
    const node = { owner: walk.owner(), rrsets: walk.rrsets() }
    for (const { severity, type, message } of faultsAt(node.owner, node.rrsets, origin))
      report(severity, node.owner, type, message)
    checkTargets(node, version, report)
    // In canonical order the names below a cut follow it at once.
    if (cut && isSubdomain(node.owner, cut.owner)) checkHidden(node, cut, report)
    else cut = cutAt(node, origin)
  }
  return findings
}

/** Most owners have a few addresses and nothing else: there is nothing that could be wrong with them. */
function isAddress(type: number): boolean {
  return type === Type.A || type === Type.AAAA
}

/** Addresses of which so many fit into any message. */
const FEW = 100

/** What keeps the RRsets of one owner from being served right. */
export function checkOwner(owner: Name, rrsets: RRset[], origin: Name): string | undefined {
  for (const { severity, message } of faultsAt(owner, rrsets, origin))
    if (severity === 'error') return `${printName(owner)} ${message}`
  const lacksNs = equalNames(owner, origin) && !rrsets.some(({ type }) => type === Type.NS)
  return lacksNs ? `${printName(owner)} has no NS record at the apex` : undefined
}

type Report = (severity: Finding['severity'], owner: Name, type: number, message: string) => void

/** All RRsets of one owner. */
interface Node {
  owner: Name
  rrsets: RRset[]
}

/** Types whose target must have addresses, and must not be an alias (RFC 2181 §10.3, RFC 2782). */
const ADDRESSED: ReadonlySet<number> = new Set([Type.NS, Type.MX, Type.SRV])

function checkTargets({ owner, rrsets }: Node, version: ZoneVersion, report: Report): void {
  for (const { type, rdatas } of rrsets) {
    if (!ADDRESSED.has(type)) continue
    for (const rdata of rdatas) {
      const target = targetOf(type, rdata)!
      // RFC 7505 §3, RFC 2782: the root as a target says that there is none.
      if (target.length === 1 || !isSubdomain(target, version.origin)) continue
      const problem = problemOfTarget(target, owner, type, version)
      if (problem)
        report('warning', owner, type, `has the ${typeName(type)} target ${printName(target)}, which ${problem}`)
    }
  }
}

function problemOfTarget(target: Name, owner: Name, type: number, version: ZoneVersion): string | undefined {
  if (version.rrset(target, Type.A) || version.rrset(target, Type.AAAA)) return undefined
  if (version.rrset(target, Type.CNAME)) return 'is an alias'
  // RFC 1034 §4.2.1: the address of a server below its own delegation has to stand here, as glue.
  if (type === Type.NS && isSubdomain(target, owner) && !equalNames(owner, version.origin)) return 'has no glue'
  if (isHidden(target, version)) return undefined
  return wildcardCovers(target, version) ? undefined : 'has no address'
}

/** Whether a delegation or DNAME above the name hides it. */
function isHidden(name: Name, version: ZoneVersion): boolean {
  for (let at = name; at.length > version.origin.length; ) {
    at = at.subarray(at[0]! + 1)
    if (version.rrset(at, Type.DNAME)) return true
    if (at.length > version.origin.length && version.rrset(at, Type.NS)) return true
  }
  return false
}

function wildcardCovers(name: Name, version: ZoneVersion): boolean {
  for (let at = name; at.length > version.origin.length; ) {
    at = at.subarray(at[0]! + 1)
    if (version.typesAt(Uint8Array.of(1, 0x2a, ...at)).length > 0) return true
    if (version.exists(at)) return false
  }
  return false
}

/** Where a delegation or a DNAME takes over. */
interface Cut {
  owner: Name
  type: number
}

function cutAt({ owner, rrsets }: Node, origin: Name): Cut | undefined {
  const has = (type: number) => rrsets.some(rrset => rrset.type === type)
  if (has(Type.DNAME)) return { owner, type: Type.DNAME }
  return has(Type.NS) && !equalNames(owner, origin) ? { owner, type: Type.NS } : undefined
}

/** RFC 1034 §4.2.1, RFC 6672 §2.4: below a delegation only glue counts, below a DNAME nothing. */
function checkHidden({ owner, rrsets }: Node, cut: Cut, report: Report): void {
  const hidden = rrsets.find(({ type }) => cut.type === Type.DNAME || !isAddress(type))
  if (!hidden) return
  const what = `has a record of type ${typeName(hidden.type)}`
  report('warning', owner, hidden.type, `${what} that ${printName(cut.owner)} ${typeName(cut.type)} hides`)
}
