import { Class, Flag, Opcode, rcodeName } from '../../dns/codes.ts'
import type { Message } from '../../dns/message.ts'
import { equalNames, type Name } from '../../dns/name.ts'
import type { ResourceRecord } from '../../dns/record.ts'
import { serialGreater } from '../../dns/serial.ts'
import { Type } from '../../dns/types.ts'
import type { World } from '../../host/world.ts'
import type { Changeset } from '../change.ts'
import { ZoneError } from '../image/errors.ts'
import { soaSerial } from '../soa.ts'
import type { ZoneVersion } from '../zone.ts'
import { IncomingTransfer, type Transferred } from './incoming.ts'
import { askByDatagram, askByStream, type Remote, RemoteError, type StreamLimits, TooLong } from './remote.ts'
import { applySteps, wholeZone } from './takeover.ts'
import { soaOf } from './transfer.ts'

/** What a secondary has when it asks a primary. */
export interface Held {
  origin: Name
  /** Undefined where it has nothing yet. */
  version: ZoneVersion | undefined
  /** Whether that counts: once it has expired, whatever the primary has is right. */
  expired: boolean
}

/** What a primary has that the secondary has not. */
export type Refreshed =
  | { kind: 'current' }
  | { kind: 'whole'; version: ZoneVersion }
  | { kind: 'differences'; change: Changeset }

/** RFC 1034 §4.3.5: the SOA is asked for over UDP; a primary that is silent there is asked over TCP. */
const WAITS = [1500, 2500, 3500]
const SOA_LIMITS: StreamLimits = { connect: 5000, idle: 10_000, whole: 15_000, octets: 65_537 }
const CONNECT = 5000

/** More octets than this are not read in this thread where another can do it. */
const SMALL = 2 ** 21
/** Nor is a zone that has had more records than this. */
const FEW = 20_000

/** What a primary may send of one zone. */
export interface TransferLimits {
  octets: number
  /** Of the zone; undefined: as many as fit. */
  records: number | undefined
  /** Milliseconds from one message to the next, and for all. */
  idle: number
  time: number
}

/** Transfers a zone as `transferWhole` does, somewhere where nobody else has to wait for it. */
export type LoadWhole = (
  remote: Remote,
  origin: Name,
  limits: TransferLimits,
  signal: AbortSignal,
) => Promise<ZoneVersion>

/** How a primary is asked. */
export interface Asking {
  limits: TransferLimits
  signal: AbortSignal
  /** Whether differences are asked for. */
  ixfr: boolean
  /** Where what is large is read; left out: here. */
  loadWhole?: LoadWhole | undefined
}

/**
 * Asks one primary for its serial and, where that is newer than ours, for the differences (RFC 1995), or where these are not to be had
 * or do not fit, the whole zone (RFC 5936). Everything that came has been checked when it resolves. Rejects with RemoteError or ZoneError.
 */
export async function refreshFrom(world: World, remote: Remote, held: Held, asking: Asking): Promise<Refreshed> {
  const { origin, version, expired } = held
  const { limits, signal, ixfr, loadWhole } = asking
  const serial = await askSerial(world, remote, origin, signal)
  if (version && serial === version.serial()) return { kind: 'current' }
  const whole = async () => judge(await load(world, remote, held, asking), held)
  if (!version || (expired && !serialGreater(serial, version.serial()))) return whole()
  requireNewer(serial, version)
  if (!ixfr) return whole()
  try {
    const few = loadWhole ? { ...limits, octets: Math.min(limits.octets, SMALL) } : limits
    const transferred = await transfer(world, remote, origin, version, few, signal)
    if (transferred.kind === 'current') return transferred
    if (transferred.kind === 'whole') return judge(wholeZone(origin, transferred.records, secondsOf(world)), held)
    const change = applySteps(version, transferred.steps, secondsOf(world))
    requireRoom(version.size() + change.added.length - change.deleted.length, limits)
    return { kind: 'differences', change }
  } catch (error) {
    if (signal.aborted) throw error
    return whole().catch(second => Promise.reject(bothOf(error, second)))
  }
}

function secondsOf({ clock }: World): number {
  return Math.floor(clock.now() / 1000)
}

function bothOf(first: unknown, second: unknown): unknown {
  const [one, two] = [first, second].map(error => (error as Error).message)
  if (one === two) return second
  const message = `by IXFR: ${one}; by AXFR: ${two}`
  return second instanceof ZoneError ? new ZoneError(message) : new RemoteError(message)
}

/** The whole zone, read in this thread only if it is small. */
async function load(
  world: World,
  remote: Remote,
  { origin, version }: Held,
  { limits, signal, loadWhole }: Asking,
): Promise<ZoneVersion> {
  if (!loadWhole || limits.octets <= SMALL) return transferWhole(world, remote, origin, limits, signal)
  if ((version?.size() ?? 0) > FEW) return loadWhole(remote, origin, limits, signal)
  try {
    return await transferWhole(world, remote, origin, { ...limits, octets: SMALL }, signal)
  } catch (error) {
    if (error instanceof TooLong) return loadWhole(remote, origin, limits, signal)
    throw error
  }
}

/** The zone as the primary has it, checked. */
export async function transferWhole(
  world: World,
  remote: Remote,
  origin: Name,
  limits: TransferLimits,
  signal: AbortSignal,
): Promise<ZoneVersion> {
  const transferred = await transfer(world, remote, origin, undefined, limits, signal)
  return wholeZone(origin, transferred.kind === 'whole' ? transferred.records : [], secondsOf(world))
}

/** What a zone that has come whole means to us. */
function judge(whole: ZoneVersion, { version, expired }: Held): Refreshed {
  if (version && whole.serial() === version.serial()) return { kind: 'current' }
  if (version && !expired) requireNewer(whole.serial(), version)
  return { kind: 'whole', version: whole }
}

/** RFC 1982: an older serial is a primary that was set back, or somebody who replays; until ours expires, ours counts. */
function requireNewer(serial: number, version: ZoneVersion): void {
  if (!serialGreater(serial, version.serial()))
    throw new ZoneError(`the primary has serial ${serial}, which is older than our ${version.serial()}`)
}

/** Throws where a zone would have more records than it may. */
function requireRoom(records: number, limits: TransferLimits): void {
  if (limits.records !== undefined && records > limits.records)
    throw new ZoneError(`the zone has more than ${limits.records} records, which is the limit`)
}

async function askSerial(world: World, remote: Remote, origin: Name, signal: AbortSignal): Promise<number> {
  const request = { ...EMPTY, question: [{ name: origin, type: Type.SOA, class: Class.IN }] }
  // RFC 9103 §6: nothing of a zone that is transferred over TLS is asked for in the clear.
  if (!remote.tls)
    try {
      const message = await askByDatagram(world, remote, request, WAITS)
      if (!(message.flags & Flag.TC)) return serialIn(message, origin)
    } catch (error) {
      if (!(error instanceof RemoteError)) throw error
    }
  let serial: number | undefined
  await askByStream(world, remote, request, { ...SOA_LIMITS, signal }, message => {
    serial = serialIn(message, origin)
    return true
  })
  return serial!
}

function serialIn({ rcode, flags, answer }: Message, origin: Name): number {
  if (rcode !== 0) throw new ZoneError(`the primary answered ${rcodeName(rcode)} to a query for the SOA`)
  const soa = answer.find(({ type, owner }) => type === Type.SOA && equalNames(owner, origin))
  if (!soa || !(flags & Flag.AA)) throw new ZoneError('the primary is not authoritative for the zone')
  return soaSerial(soa.rdata)
}

const EMPTY = {
  flags: 0,
  opcode: Opcode.QUERY,
  rcode: 0,
  answer: [],
  authority: [] as ResourceRecord[],
  additional: [],
}

/** An IXFR from `base`, or without one an AXFR. */
async function transfer(
  world: World,
  remote: Remote,
  origin: Name,
  base: ZoneVersion | undefined,
  limits: TransferLimits,
  signal: AbortSignal,
): Promise<Transferred> {
  const type = base ? Type.IXFR : Type.AXFR
  // RFC 1995 §3: the authority section has the SOA that we have.
  const authority = base ? [soaOf(base)] : []
  const request = { ...EMPTY, authority, question: [{ name: origin, type, class: Class.IN }] }
  const incoming = new IncomingTransfer(origin, base?.serial())
  const { octets, idle, time } = limits
  await askByStream(world, remote, request, { connect: CONNECT, idle, whole: time, octets, signal }, message => {
    const done = incoming.accept(message)
    requireRoom(incoming.size, limits)
    return done
  })
  return incoming.result
}
