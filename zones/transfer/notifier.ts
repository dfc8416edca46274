import type { RemoteServer } from '../../config/schema.ts'
import { Class, Flag, Opcode, rcodeName } from '../../dns/codes.ts'
import { type Name, nameKey, printName } from '../../dns/name.ts'
import type { ResourceRecord } from '../../dns/record.ts'
import type { TsigKey } from '../../dns/tsig-record.ts'
import { Type } from '../../dns/types.ts'
import type { Timer } from '../../host/clock.ts'
import type { Log } from '../../host/log.ts'
import { type Span, type SpanContext, silentTracer } from '../../host/tracer.ts'
import type { World } from '../../host/world.ts'
import { soaSerial } from '../soa.ts'
import { Gate } from '../write/gate.ts'
import { askByDatagram } from './remote.ts'

/** A zone as those are told of it who have it from us. */
export interface NotifyingZone {
  view: string
  origin: Name
  /** Who is told. */
  notify: readonly RemoteServer[]
  /** As it is served now; undefined where nothing is. */
  soa(): ResourceRecord | undefined
}

export interface NotifierOptions extends World {
  findKey: (name: Name) => TsigKey | undefined
  log: Log
}

/** RFC 1996 §3.6 leaves interval and count to us: six times in two and a half minutes. */
const WAITS = [2_000, 5_000, 10_000, 20_000, 40_000, 60_000]
/** Changes so close to each other are told as one. */
const TOGETHER = 50
/** Nobody is told of the same zone more often. */
const INTERVAL = 1000
/** After a start not everybody is told of everything at once. */
const START_SPREAD = 2000
/** Exchanges at once, each with a socket. */
const MOST = 128

/** One server and one zone. */
interface Target {
  /** As it was last spoken of: a reload may put another in its place. */
  zone: NotifyingZone
  /** Told last, whether it was heard or not. */
  serial: number | undefined
  began: number
  timer: Timer | undefined
  running: boolean
  changed: boolean
  /** What it was first told of since. */
  cause: SpanContext | undefined
}

/** Tells the secondaries of zones that there is something new (RFC 1996), until they have heard it. */
export class Notifier {
  private readonly options: NotifierOptions
  private readonly targets = new Map<string, Target>()
  private readonly gate = new Gate(MOST)
  private closed = false

  constructor(options: NotifierOptions) {
    this.options = options
  }

  /** The zone may have another serial than its secondaries were told of; `starting` where all zones may at once. */
  changed(zone: NotifyingZone, starting = false): void {
    for (const server of zone.notify) {
      const target = this.target(zone, server)
      target.zone = zone
      target.cause ??= this.options.tracer?.current()
      this.plan(target, server, starting)
    }
  }

  /** Tells the zone's secondaries of it though they have heard already: an operator asks for it. */
  again(zone: NotifyingZone): void {
    for (const server of zone.notify) this.target(zone, server).serial = undefined
    this.changed(zone)
  }

  private plan(target: Target, server: RemoteServer, starting: boolean): void {
    const { clock, random } = this.options
    target.changed = true
    if (target.running || target.timer || this.closed) return
    const soonest = target.began + INTERVAL - clock.monotonic()
    const wait = Math.max(TOGETHER + (starting ? random.below(START_SPREAD) : 0), soonest)
    target.timer = clock.after(wait, () => {
      target.timer = undefined
      void this.run(target, server)
    })
  }

  private target(zone: NotifyingZone, { address: { address, port }, key }: RemoteServer): Target {
    const id = [zone.view, nameKey(zone.origin), address, port, key && nameKey(key)].join(' ')
    let target = this.targets.get(id)
    if (!target)
      this.targets.set(
        id,
        (target = {
          zone,
          serial: undefined,
          began: -INTERVAL,
          timer: undefined,
          running: false,
          changed: false,
          cause: undefined,
        }),
      )
    return target
  }

  private async run(target: Target, server: RemoteServer): Promise<void> {
    target.running = true
    await this.gate.run(() => this.tellNews(target, server))
    target.running = false
    if (target.changed) this.plan(target, server, false)
  }

  private async tellNews(target: Target, server: RemoteServer): Promise<void> {
    const { zone, cause: parent } = target
    target.changed = false
    target.cause = undefined
    target.began = this.options.clock.monotonic()
    const soa = zone.soa()
    const serial = soa && soaSerial(soa.rdata)
    if (soa && serial !== target.serial && !this.closed) {
      target.serial = serial
      const { tracer = silentTracer } = this.options
      const attributes = describeNotify(zone, server, soaSerial(soa.rdata))
      await tracer.span('NOTIFY', { kind: 'client', parent, attributes }, span => this.tell(zone, server, soa, span))
    }
  }

  private async tell(zone: NotifyingZone, server: RemoteServer, soa: ResourceRecord, span: Span): Promise<void> {
    const { findKey, log } = this.options
    const { address, port } = server.address
    const fields = {
      zone: printName(zone.origin),
      view: zone.view,
      server: `${address}:${port}`,
      serial: soaSerial(soa.rdata),
    }
    const key = server.key && findKey(server.key)
    try {
      const { source } = server
      const remote = { address: server.address, ...(key && { key }), ...(source !== undefined && { source }) }
      const { rcode } = await askByDatagram(this.options, remote, notification(zone.origin, soa), WAITS)
      span.set({ 'dns.rcode': rcodeName(rcode) })
      // RFC 1996 §3.12: one that does not know NOTIFY says NOTIMP; whatever the answer, it was heard.
      if (rcode === 0) log.debug(fields, 'secondary notified')
      else log.warn({ ...fields, rcode: rcodeName(rcode) }, 'a secondary refused to be notified')
    } catch (error) {
      // RFC 1996 §3.6: also where ICMP says that nobody is there; a secondary that starts asks by itself.
      const reason = (error as Error).message
      span.fail(reason)
      log.warn({ ...fields, reason }, 'a secondary could not be notified')
    }
  }

  /** Tells nobody of anything new any more. */
  close(): void {
    this.closed = true
    for (const { timer } of this.targets.values()) timer?.cancel()
  }
}

function describeNotify({ origin, view }: NotifyingZone, { address }: RemoteServer, serial: number) {
  const server = { 'server.address': address.address, 'server.port': address.port }
  return { 'dns.zone': printName(origin), 'dns.view': view, 'dns.serial': serial, ...server }
}

/** RFC 1996 §3.7: AA set, the zone's SOA in question and, as a hint, in the answer. */
function notification(origin: Name, soa: ResourceRecord) {
  const question = [{ name: origin, type: Type.SOA, class: Class.IN }]
  return { flags: Flag.AA, opcode: Opcode.NOTIFY, rcode: 0, question, answer: [soa], authority: [], additional: [] }
}
