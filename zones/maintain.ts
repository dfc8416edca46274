import { Class } from '../dns/codes.ts'
import { Rrsig } from '../dns/dnssec.ts'
import type { Name } from '../dns/name.ts'
import { equalOctets } from '../dns/record.ts'
import { serialAfter } from '../dns/serial.ts'
import { Type } from '../dns/types.ts'
import type { Clock, Timer } from '../host/clock.ts'
import type { Log } from '../host/log.ts'
import { Draft } from './draft.ts'
import type { KeyRing } from './keys.ts'
import { SIGNER_TYPES, type Stale, type ZoneSigner } from './sign.ts'
import { soaSerial, withSerial } from './soa.ts'
import type { Decision, ZoneWriter } from './writer.ts'
import type { ZoneVersion } from './zone.ts'

/** TTL of DNSKEY, CDS, CDNSKEY and NSEC3PARAM, in seconds. */
const KEY_TTL = 3600
/** Signatures made anew in one change: what keeps the main thread busy for some tens of milliseconds. */
const MOST_AT_ONCE = 1000
/** Between two such changes, so that updates get their turn. */
const PAUSE = 100
/** After a failure, and at the longest, until the next look. */
const RETRY = 60_000
const LONGEST = 86_400_000

const ACTOR = { key: undefined, source: 'dnssec' }

export interface MaintenanceOptions {
  writer: ZoneWriter
  signer: ZoneSigner
  ring: KeyRing
  clock: Clock
  log: Log
}

/** Keeps a zone signed as time passes: puts its keys in, and makes signatures anew before they end. */
export class SigningMaintenance {
  private readonly options: MaintenanceOptions
  private timer: Timer | undefined
  private stopped = false

  constructor(options: MaintenanceOptions) {
    this.options = options
  }

  /** Does all that is due now; rejects where the disk fails. */
  async catchUp(): Promise<void> {
    while (await this.pass());
  }

  /** Goes on as time passes, until `stop`. */
  start(): void {
    this.stopped = false
    this.wait(this.untilNext())
  }

  stop(): void {
    this.stopped = true
    this.timer?.cancel()
  }

  private wait(ms: number): void {
    if (this.stopped) return
    this.timer?.cancel()
    this.timer = this.options.clock.after(ms, () => void this.run())
  }

  private async run(): Promise<void> {
    const { log } = this.options
    try {
      const more = await this.pass()
      this.wait(more ? PAUSE : this.untilNext())
    } catch (error) {
      if (this.stopped) return
      log.error({ reason: error instanceof Error ? error.message : String(error) }, 'the zone could not be signed anew')
      this.wait(RETRY)
    }
  }

  /** One change of what is due; false where nothing was. */
  private async pass(): Promise<boolean> {
    const { writer, signer, ring, log } = this.options
    const { version, change } = await writer.write(ACTOR, tip => upkeep(tip, signer, ring))
    const { added, deleted } = change
    if (added.length === 0) return false
    log.info({ added: added.length, deleted: deleted.length, serial: version.serial() }, 'zone signed')
    return true
  }

  /** Milliseconds until the first signature must be made anew. */
  private untilNext(): number {
    const { writer, signer } = this.options
    const maker = signer.maker()
    let seconds = LONGEST / 1000
    for (const { rdatas } of writer.image.latest().rrsets(Type.RRSIG))
      for (const rrsig of rdatas) seconds = Math.min(seconds, maker.secondsLeft(rrsig))
    return Math.max(seconds * 1000, PAUSE)
  }
}

/** What the zone lacks now: keys at the apex, proofs of absence, signatures that last. Empty where it lacks nothing. */
function upkeep(tip: ZoneVersion, signer: ZoneSigner, ring: KeyRing): Decision {
  const draft = new Draft(tip)
  const { origin } = tip
  const keys = tip.rrset(origin, Type.DNSKEY)
  if (!keys?.rdatas.some(rdata => ring.has(rdata))) deleteSigning(tip, draft)
  put(draft, origin, Type.DNSKEY, ring.dnskeys())
  put(draft, origin, Type.CDNSKEY, ring.cdnskeys())
  put(draft, origin, Type.CDS, ring.cds())
  put(draft, origin, Type.NSEC3PARAM, signer.parameters)
  const stale = draft.changed ? [] : staleOf(tip, signer)
  if (!draft.changed && stale.length === 0 && signer.hasChain(tip)) return { change: { deleted: [], added: [] } }
  raise(draft, tip)
  return { change: draft.changes(), stale }
}

/** What makes a signed zone an unsigned one; empty where it is not signed. */
export function withoutSigning(tip: ZoneVersion): Decision {
  const draft = new Draft(tip)
  deleteSigning(tip, draft)
  if (draft.changed) raise(draft, tip)
  return { change: draft.changes() }
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

/** RRsets with a signature that is due, the ones that end first before others where there are many. */
function staleOf(tip: ZoneVersion, signer: ZoneSigner): Stale {
  const maker = signer.maker()
  const due: { owner: Name; type: number; left: number }[] = []
  for (const { owner, rdatas } of tip.rrsets(Type.RRSIG))
    for (const rrsig of rdatas)
      if (maker.isDue(rrsig)) due.push({ owner, type: Rrsig.typeCovered(rrsig), left: maker.secondsLeft(rrsig) })
  return due.sort((a, b) => a.left - b.left).slice(0, MOST_AT_ONCE)
}
