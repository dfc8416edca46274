import { Class } from '../../dns/codes.ts'
import { Rrsig } from '../../dns/dnssec.ts'
import type { Name } from '../../dns/name.ts'
import { equalOctets } from '../../dns/record.ts'
import { serialAfter } from '../../dns/serial.ts'
import { Type } from '../../dns/types.ts'
import type { Clock, Timer } from '../../host/clock.ts'
import type { Log } from '../../host/log.ts'
import { Draft } from '../draft.ts'
import { KEY_TTL, type KeyRing } from '../keys/ring.ts'
import { soaSerial, withSerial } from '../soa.ts'
import type { Decision, ZoneWriter } from '../write/writer.ts'
import type { ZoneVersion } from '../zone.ts'
import { FirstSigning } from './build.ts'
import { NSEC3PARAM } from './nsec3.ts'
import { PreparedSignatures } from './prepare.ts'
import { SignatureScan, type Stale } from './scan.ts'
import { SIGNER_TYPES, type ZoneSigner } from './sign.ts'

/** Signatures made anew in one change: what keeps the main thread busy for some tens of milliseconds. */
const MOST_AT_ONCE = 1000
/** Names signed for the first time in one change, and names of a zone for which one change is enough. */
const NAMES_AT_ONCE = 250
const FEW_NAMES = 1000
/** Between two such changes, so that updates get their turn. */
const PAUSE = 100
/** After a failure, and at the longest, until the next look. */
const RETRY = 60_000
const LONGEST = 86_400_000

const ACTOR = { key: undefined, source: 'dnssec' }

export interface MaintenanceOptions {
  view: string
  writer: ZoneWriter
  signer: ZoneSigner
  ring: KeyRing
  clock: Clock
  log: Log
  /** Whether other threads make the signatures of many RRsets at once. */
  aside?: boolean | undefined
}

/** Keeps a zone signed as its keys and time move on: puts keys in and out, and makes signatures anew before they end. */
export class SigningMaintenance {
  private readonly options: MaintenanceOptions
  private timer: Timer | undefined
  private state: 'new' | 'waiting' | 'running' | 'stopped' = 'new'
  private first: { revision: number; names: FirstSigning } | undefined
  private scan: (SignatureScan & { revision?: number }) | undefined
  /** The ring's revision that all of the zone shows. */
  private shown: number | undefined
  /** Milliseconds from the last look to the next. */
  private next = LONGEST
  private readonly ttl = new LongestTtl()

  constructor(options: MaintenanceOptions) {
    this.options = options
  }

  /**
   * Does all that is due now; rejects where the disk fails. A large zone that was never signed is served as it is, and signed after
   * `start`: nobody takes it for signed yet.
   */
  async catchUp(): Promise<void> {
    do {
      while ((await this.pass()) && !this.first);
    } while (this.isBehind && !this.first)
  }

  /** Goes on as time passes, until `stop`. */
  start(): void {
    this.state = 'waiting'
    this.wait(this.isBehind ? PAUSE : this.next)
  }

  /** The ring has something else for the zone to show. */
  wake(): void {
    if (this.state === 'waiting') this.wait(0)
  }

  stop(): void {
    this.state = 'stopped'
    this.timer?.cancel()
  }

  private get isBehind(): boolean {
    return this.options.ring.revision !== this.shown
  }

  private wait(ms: number): void {
    this.timer?.cancel()
    this.timer = this.options.clock.after(ms, () => void this.run())
  }

  private async run(): Promise<void> {
    this.state = 'running'
    const wait = await this.pass().then(
      more => (more || this.isBehind ? PAUSE : this.next),
      error => this.failed(error),
    )
    if (this.isStopped) return
    this.state = 'waiting'
    this.wait(wait)
  }

  private get isStopped(): boolean {
    return this.state === 'stopped'
  }

  private failed(error: unknown): number {
    const reason = error instanceof Error ? error.message : String(error)
    if (!this.isStopped) this.options.log.error({ reason }, 'the zone could not be signed anew')
    this.scan = undefined
    return RETRY
  }

  /** One change of what is due; false once all of the zone is as it is to be. */
  private async pass(): Promise<boolean> {
    const { view, ring, signer } = this.options
    if (await this.signFirst()) return true
    if (this.scan?.revision !== ring.revision) this.scan = undefined
    const scan = (this.scan ??= await this.begin())
    const stale = scan.take(signer.maker(), MOST_AT_ONCE)
    if (stale.length > 0) await this.renew(stale)
    if (!scan.done) return true
    this.scan = undefined
    this.shown = scan.revision
    this.next = Math.min(Math.max(scan.secondsLeft * 1000, PAUSE), LONGEST)
    const longest = this.ttl.after(Math.max(scan.longestTtl, signer.longestTtl), this.options.clock.now())
    await ring.report(view, scan.revision!, longest)
    return false
  }

  /** Signs some names of a zone that is not signed yet; false where it is, or can be in one change with its keys. */
  private async signFirst(): Promise<boolean> {
    const { writer, signer, ring } = this.options
    const { revision } = ring
    const version = writer.image.latest()
    if (this.first?.revision !== revision) {
      signer.building = isFirst(version, ring) && version.names() > FEW_NAMES
      this.first = signer.building ? { revision, names: new FirstSigning(version, signer.options.nsec3) } : undefined
    }
    const names = this.first?.names.take(NAMES_AT_ONCE) ?? []
    if (names.length > 0) await this.renew(names)
    return names.length > 0
  }

  /** Puts the keys of this moment in, and begins to look through the signatures. */
  private async begin(): Promise<SignatureScan & { revision?: number }> {
    const { writer, signer, ring } = this.options
    const { revision } = ring
    await this.write(tip => upkeep(tip, signer, ring))
    signer.building = false
    this.first = undefined
    signer.longestTtl = 0
    return Object.assign(new SignatureScan(writer.image.latest()), { revision })
  }

  private async renew(stale: Stale): Promise<void> {
    const { aside, signer, writer } = this.options
    const prepared = aside && !signer.building ? await prepare(writer.image.latest(), stale, signer) : undefined
    await this.write(tip => {
      const draft = new Draft(tip)
      raise(draft, tip)
      return { change: draft.changes(), stale, ...(prepared && { prepared }) }
    })
  }

  private async write(decide: (tip: ZoneVersion) => Decision): Promise<void> {
    const { writer, log } = this.options
    const { version, change } = await writer.write(ACTOR, decide)
    const { added, deleted } = change
    if (added.length === 0) return
    log.info({ added: added.length, deleted: deleted.length, serial: version.serial() }, 'zone signed')
  }
}

/** The longest TTL of a zone: it falls only when no cache can hold a longer one any more. */
class LongestTtl {
  private ttl = 0
  /** When the longest was first not seen any more. */
  private missing: number | undefined

  after(seen: number, now: number): number {
    if (seen >= this.ttl) {
      this.ttl = seen
      this.missing = undefined
    } else {
      this.missing ??= now
      if (now - this.missing >= this.ttl * 1000) {
        this.ttl = seen
        this.missing = undefined
      }
    }
    return this.ttl
  }
}

/** Has the signatures made that these RRsets are to get. */
async function prepare(version: ZoneVersion, stale: Stale, signer: ZoneSigner): Promise<PreparedSignatures> {
  const prepared = new PreparedSignatures()
  const maker = signer.maker()
  const made = stale.map(({ owner, type }) => {
    const rrset = version.rrset(owner, type)
    const rrsigs = version.rrset(owner, Type.RRSIG)?.rdatas ?? []
    const existing = rrsigs.filter(rrsig => Rrsig.typeCovered(rrsig) === type)
    return rrset && maker.prepare(rrset, existing, prepared)
  })
  await Promise.all(made)
  return prepared
}

/** What the zone's apex lacks now: keys, and proofs of absence. Empty where it lacks nothing. */
function upkeep(tip: ZoneVersion, signer: ZoneSigner, ring: KeyRing): Decision {
  const dnskeys = ring.dnskeys()
  if (dnskeys.length === 0) return withoutSigning(tip)
  const draft = new Draft(tip)
  const { origin } = tip
  // What others have made; our own signatures without a DNSKEY are those of a first signing.
  if (tip.rrset(origin, Type.DNSKEY) && !isSignedBy(tip, ring)) deleteSigning(tip, draft)
  else if (hasForeignHashes(tip)) deleteHashes(tip, draft)
  put(draft, origin, Type.DNSKEY, dnskeys)
  put(draft, origin, Type.CDNSKEY, ring.cdnskeys())
  put(draft, origin, Type.CDS, ring.cds())
  put(draft, origin, Type.NSEC3PARAM, signer.parameters)
  if (!draft.changed && signer.hasChain(tip)) return { change: { deleted: [], added: [] } }
  raise(draft, tip)
  return { change: draft.changes(), stale: [] }
}

/** Whether nobody takes the zone for signed: then it need not be so all at once. */
function isFirst(version: ZoneVersion, ring: KeyRing): boolean {
  if (version.rrset(version.origin, Type.DNSKEY) || ring.dnskeys().length === 0) return false
  return ring.keys.every(({ trust }) => trust.phase === 'absent')
}

/** Whether the zone has a DNSKEY of the ring. */
export function isSignedBy(version: ZoneVersion, ring: KeyRing): boolean {
  const keys = version.rrset(version.origin, Type.DNSKEY)
  return keys?.rdatas.some(rdata => ring.has(rdata)) ?? false
}

/** What makes a signed zone an unsigned one; empty where it is not signed. */
function withoutSigning(tip: ZoneVersion): Decision {
  const draft = new Draft(tip)
  deleteSigning(tip, draft)
  if (draft.changed) raise(draft, tip)
  return { change: draft.changes(), stale: [] }
}

/** Whether absence is proved by NSEC3 with parameters that we don't sign with: by another signer with the same keys, before a secondary was promoted. */
function hasForeignHashes(tip: ZoneVersion): boolean {
  const parameters = tip.rrset(tip.origin, Type.NSEC3PARAM)?.rdatas ?? []
  return parameters.some(rdata => !equalOctets(rdata, NSEC3PARAM))
}

/** RFC 5155 §10.3: a chain of other parameters goes whole, in the change that the new one comes with. */
function deleteHashes(tip: ZoneVersion, draft: Draft): void {
  for (const { owner } of tip.rrsets(Type.NSEC3))
    for (const type of [Type.NSEC3, Type.RRSIG]) draft.deleteRRset(owner, type)
}

function deleteSigning(tip: ZoneVersion, draft: Draft): void {
  for (const { owner, type } of tip.rrsets()) if (SIGNER_TYPES.has(type)) draft.deleteRRset(owner, type)
}

function put(draft: Draft, owner: Name, type: number, rdatas: readonly Uint8Array[]): void {
  const before = draft.rrset(owner, type)
  const same =
    before?.rdatas.length === rdatas.length && rdatas.every(rdata => before.rdatas.some(one => equalOctets(one, rdata)))
  if (same || (!before && rdatas.length === 0)) return
  draft.deleteRRset(owner, type)
  for (const rdata of rdatas) draft.add({ owner, type, class: Class.IN, ttl: KEY_TTL, rdata })
}

/** RFC 1996 §2: secondaries learn of new signatures by a higher serial. */
function raise(draft: Draft, tip: ZoneVersion): void {
  const { owner, ttl, rdatas } = tip.rrset(tip.origin, Type.SOA)!
  const rdata = withSerial(rdatas[0]!, serialAfter(soaSerial(rdatas[0]!)))
  draft.add({ owner, type: Type.SOA, class: Class.IN, ttl, rdata })
}
