import type { Affairs } from '../../ca/affairs.ts'
import type { Config } from '../../config/schema.ts'
import { nameKey, printName } from '../../dns/name.ts'
import type { Timer } from '../../host/clock.ts'
import type { Log } from '../../host/log.ts'
import type { SocketAddress } from '../../host/network.ts'
import type { World } from '../../host/world.ts'
import { Gate } from '../../zones/write/gate.ts'
import type { Authority } from '../zones/authority.ts'
import { checkDelegations, type DelegationReport } from './delegations.ts'
import { askForeignParents } from './parents.ts'
import { type ProbeReport, probe } from './probe.ts'
import { askSecondaries, type SecondaryReport } from './secondaries.ts'

/** What is looked at from outside: names, as their users meet them, and zones, as others serve them. */
export interface WatchReport {
  probes: ProbeReport[]
  secondaries: SecondaryReport[]
  delegations: DelegationReport[]
}

export interface WatchDeps extends World {
  config: () => Config
  authority: Pick<Authority, 'zones' | 'state'>
  /** Our own DNS listener, as a client of this machine reaches it; undefined where there is none. */
  server: SocketAddress | undefined
  affairs: Affairs | undefined
  log: Log
}

type Probe = Config['probes'][number]

/** Between two looks at the secondaries, in milliseconds. */
const ROUND = 300_000
/** Between two looks at parents that are not served here. */
const PARENTS_ROUND = 3_600_000
/** After a start: secondaries are told of what is new first. */
const FIRST = 30_000
/** Probes that run at once. */
const MOST = 8

/** Looks at what the configuration lists, again and again, and keeps what was seen last. */
export class Watch {
  private readonly deps: WatchDeps
  private readonly gate = new Gate(MOST)
  private readonly timers = new Map<string, Timer>()
  private readonly seen = new Map<string, ProbeReport>()
  private secondaries: SecondaryReport[] = []
  private parents: DelegationReport[] = []
  private closed = false

  constructor(deps: WatchDeps) {
    this.deps = deps
  }

  /** Plans anew, as the configuration says now. */
  plan(): void {
    this.cancel()
    if (this.closed) return
    const { probes } = this.deps.config()
    const listed = new Set(probes.map(idOf))
    for (const id of this.seen.keys()) if (!listed.has(id)) this.seen.delete(id)
    for (const one of probes) this.planProbe(one, this.firstWait(one))
    this.planRound('secondaries', ROUND, this.secondaries.length > 0 ? ROUND : FIRST, () => this.askSecondaries())
    this.planRound('parents', PARENTS_ROUND, FIRST, () => this.askParents())
  }

  /** As it was seen last. */
  get report(): WatchReport {
    const probes = this.deps.config().probes.flatMap(one => this.seen.get(idOf(one)) ?? [])
    const delegations = [...checkDelegations(this.deps.authority.state.views), ...this.parents]
    return { probes, secondaries: this.secondaries, delegations }
  }

  /** Looks at everything now. */
  async look(): Promise<WatchReport> {
    const { probes } = this.deps.config()
    await Promise.all([...probes.map(one => this.probe(one)), this.askSecondaries(), this.askParents()])
    return this.report
  }

  close(): void {
    this.closed = true
    this.cancel()
  }

  private cancel(): void {
    for (const timer of this.timers.values()) timer.cancel()
    this.timers.clear()
  }

  /** One that was never looked at is soon; not all at once. */
  private firstWait(one: Probe): number {
    return this.seen.has(idOf(one)) ? one.every : this.deps.random.below(Math.min(one.every, FIRST)) + 1
  }

  private planProbe(one: Probe, wait: number): void {
    const run = async () => {
      await this.probe(one)
      if (this.timers.get(id) === timer && !this.closed) this.planProbe(one, one.every)
    }
    const id = idOf(one)
    const timer = this.deps.clock.after(wait, () => void run())
    this.timers.set(id, timer)
  }

  private planRound(id: string, every: number, wait: number, look: () => Promise<void>): void {
    const run = async () => {
      await look()
      if (this.timers.get(id) === timer && !this.closed) this.planRound(id, every, every, look)
    }
    const timer = this.deps.clock.after(wait, () => void run())
    this.timers.set(id, timer)
  }

  private async probe(one: Probe): Promise<void> {
    const { server, log } = this.deps
    if (!server) return
    const report = await this.gate.run(() => probe({ ...this.deps, server }, one.name, one.port))
    const before = this.seen.get(idOf(one))
    this.seen.set(idOf(one), report)
    const [fault, faultBefore] = [faultOf(report), before && faultOf(before)]
    const fields = { name: printName(one.name), port: one.port }
    if (fault && fault.what !== faultBefore?.what)
      log.warn({ ...fields, layer: fault.layer, reason: fault.what }, 'a probe failed')
    if (!fault && faultBefore) log.info(fields, 'a probe holds again')
  }

  private async askSecondaries(): Promise<void> {
    const { authority } = this.deps
    this.secondaries = await askSecondaries({ ...this.deps, findKey: authority.state.findKey }, authority.zones)
  }

  private async askParents(): Promise<void> {
    const { authority, log } = this.deps
    const before = new Map(this.parents.map(one => [`${one.view} ${one.zone}`, one.problem]))
    this.parents = await askForeignParents(this.deps, authority.state.views, authority.zones)
    for (const { view, zone, parent, problem } of this.parents)
      if (problem !== undefined && problem !== before.get(`${view} ${zone}`))
        log.warn({ view, zone, parent, reason: problem }, 'a delegation is not as the zone has it')
  }
}

function idOf({ name, port }: Probe): string {
  return `${port} ${nameKey(name)}`
}

function faultOf({ layers }: ProbeReport) {
  return layers.find(({ ok }) => !ok)
}
