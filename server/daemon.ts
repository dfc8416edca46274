import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { type Ca, createCa } from '../ca/ca.ts'
import { openCaFiles } from '../ca/files.ts'
import type { Config } from '../config/schema.ts'
import { Rcode } from '../dns/codes.ts'
import { printName } from '../dns/name.ts'
import { Type } from '../dns/types.ts'
import type { Database } from '../host/database.ts'
import type { Log } from '../host/log.ts'
import type { World } from '../host/world.ts'
import { serveDashboard } from '../web/dashboard.ts'
import { createKeyRings } from '../zones/keys.ts'
import { createZoneStore } from '../zones/store.ts'
import { serveApi } from './api/api.ts'
import type { ApiContext } from './api/context.ts'
import { openApiState } from './api/state.ts'
import { tokenCommands } from './api/token-commands.ts'
import { type Authority, createAuthority } from './authority.ts'
import { backupCommands } from './backup/commands.ts'
import { type BackupKeeper, openBackupKeeper } from './backup/keeper.ts'
import { resumeAfterRestore } from './backup/resume.ts'
import { cacheCommands } from './cache-commands.ts'
import { createCommands } from './commands.ts'
import { listenControl } from './control.ts'
import { openDataDir } from './data-dir.ts'
import { openDatabase } from './database.ts'
import { serveDoh } from './doh.ts'
import { createExplain } from './explain/explain.ts'
import { createExplainUpdate } from './explain/update.ts'
import { createApp, type TlsMaterial } from './http.ts'
import { inquire } from './inquire.ts'
import { loadLibc } from './listen/libc.ts'
import { reachableAt } from './listen/sockets.ts'
import { type Listeners, openListeners } from './listeners.ts'
import { Live } from './live/live.ts'
import { describeSituation } from './live/situation.ts'
import { loadInThread } from './loader.ts'
import { serveMetrics } from './metrics-listener.ts'
import { MIGRATIONS } from './migrations.ts'
import { createOwnership } from './ownership.ts'
import { askParents } from './parent-ds.ts'
import { dropPrivileges } from './privileges.ts'
import { openQuarantine, type Quarantine } from './quarantine.ts'
import { createQuarantineStore } from './quarantine-store.ts'
import { compareConfigs } from './reload.ts'
import { openResolverCache } from './resolver-cache.ts'
import { describeStatus, type StatusReport } from './status.ts'
import { probeRootOnce, TrustKeeper } from './trust.ts'
import { createTrustCommands } from './trust-commands.ts'
import { startWorkers, type Workers } from './workers.ts'

/** A running daemon. */
export interface Daemon {
  status(): StatusReport
  /** Takes over a checked configuration; names what changed, and what needs a restart. Rejects, and nothing changed, where a zone can't be loaded. */
  reload(config: Config): Promise<{ changed: string[]; restart: string[]; warnings: string[] }>
  /** Stops accepting, finishes what is in flight, flushes, closes. */
  stop(): Promise<void>
}

/** Whoever runs the daemon, for what the control socket asks of it. */
export interface DaemonOwner {
  configFile: string
  reload: () => Promise<object>
  stop: () => void
  /** The daemon can't go on and is to be stopped. */
  fail: (error: Error) => void
}

/** What is in flight when a stop is asked for may take so many milliseconds. */
const GRACE = 5000
const MIB = 1 << 20

/** Opens everything in the order of its dependencies; where one part fails, closes what was opened and rejects. */
export async function startDaemon(first: Config, owner: DaemonOwner, world: World, log: Log): Promise<Daemon> {
  const { clock } = world
  const started = clock.now()
  /** In the order of opening; closed in the other. */
  const opened: (() => unknown)[] = []
  const closeAll = async () => {
    for (const close of opened.reverse()) await close()
  }
  /** Replaced by a reload. */
  let config = first
  let ready = false
  try {
    openDataDir(config.data_dir)
    const count = config.workers === 'auto' ? availableParallelism() : config.workers
    // All sockets are opened here: a thread that is replaced later could not bind them as another user.
    const listeners = await openListeners(config.listen, count, loadLibc())
    opened.push(() => listeners.dns.close())
    opened.push(() => listeners.closeHttp(GRACE))
    if (dropPrivileges(config.user, config.data_dir)) log.info({ user: config.user }, 'gave up root')

    const database = await openDatabase(config.database.sqlite, MIGRATIONS, {
      onRestart: reason =>
        log.error({ reason }, 'the storage thread crashed and was started again; what was in flight was not answered'),
      onLost: owner.fail,
    })
    opened.push(() => database.close())
    const own = reachableAt([...listeners.dns.dns, ...listeners.dns.dot])
    const keyFiles = await openCaFiles(join(config.data_dir, 'dnssec'))
    const keyRings = createKeyRings(keyFiles, clock, {
      log,
      askParents: origin => askParents(authority.state.views, origin),
    })
    const cache = openResolverCache(config, clock, log)
    const id = world.random.bytes(8)
    opened.push(() => cache.save(config))
    const kept = () => ({ ...config.history, size: config.history.size * MIB })
    const store = createZoneStore(database, kept)
    const trust = await TrustKeeper.open({
      ...{ config, clock, log, files: await openCaFiles(join(config.data_dir, 'trust')) },
      probe: () => probeRootOnce(authority.state.views),
      changed: () => authority.trustChanged(),
    })
    opened.push(() => trust.close())
    const authority = createAuthority({
      ...{ ...world, loadWhole: loadInThread, config, own, store, keyRings, log, memory: cache.memory, id },
      trust: () => trust.trust,
    })
    opened.push(() => authority.close())
    /** One after the other: two at once would open the same new zone twice. */
    let turn: Promise<unknown> = Promise.resolve()
    const inTurn = <T>(task: () => Promise<T>): Promise<T> => {
      const done = turn.then(task)
      turn = done.catch(() => {})
      return done
    }
    const configure = (next: Config) =>
      authority.configure({ ...next, views: quarantine.within(api.created.within(next.views)) })
    const reconfigure = () => inTurn(() => configure(config))
    const quarantine = await openQuarantine(createQuarantineStore(database))
    const api = await openApiState({
      ...world,
      database,
      zones: store,
      log,
      reconfigure,
    })
    await configure(config)
    await resumeAfterRestore(config.data_dir, authority.zones, log)
    const { configFile } = owner
    const backups = await openBackupKeeper({ config: () => config, configFile, database, clock }, log)
    opened.push(() => backups.close())

    const ca = config.ca && (await openCa(config, authority, quarantine, database, world, log))
    if (ca) opened.push(() => ca.close())
    const certificate = config.tls ?? (await ca?.serverCertificate(ownHosts(config))) ?? null
    if (certificate) listeners.https.useCertificate(certificate)

    const state = { epoch: 0, config: authority.state.config, zones: authority.zones.serving(), certificate }
    const options = { count, sockets: listeners.dns, state, main: authority, clock, log, cache: cache.buffer, id }
    const workers = await startWorkers(options)
    // What is in flight over HTTP still needs the CA, the database and the serving threads.
    opened.push(() => Promise.all([listeners.closeHttp(GRACE), workers.stop(GRACE)]))
    authority.attach(workers)
    if (ca && !config.tls) ca.onServerCertificate(renewed => useEverywhere(renewed, listeners, workers))

    const status = () => describeStatus({ started, ready, config, count, authority, listeners, ca, trust, ...owner })
    const explain = createExplain({
      ...world,
      state: authority.state,
      zoneOf: authority.zones.find,
      affairs: ca?.affairs,
    })
    const explainUpdate = createExplainUpdate(authority.state, authority.zones.find)
    const commands = createCommands({
      ...owner,
      clock,
      zones: authority.zones,
      promote: authority.promote,
      ca,
      explain,
      explainUpdate,
      status: async () => ({ ...status(), upstreams: (await workers.report()).upstreams }),
      more: {
        ...tokenCommands(api.tokens, () => config.views.map(({ name }) => name), log),
        ...createTrustCommands(trust),
        ...backupCommands(backups),
        ...quarantine.commands({ zones: authority.zones, reconfigure, revoke: revocationOf(ca), clock, log }),
        ...cacheCommands(cache, authority.state, () => workers.flushed()),
        resolver: async () => {
          const { counters, upstreams } = await workers.report()
          return { counters, upstreams }
        },
        top: async () => (await workers.report()).top,
      },
    })
    const control = await listenControl(controlSocket(config), commands, log)
    opened.push(() => control.close())
    await ca?.start()
    const { zones, notifySecondaries } = authority
    const statistics = () => workers.metrics(authority.slots)
    const situation = () =>
      describeSituation({ zones, report: () => workers.report(), ca, lastBackup: () => backups.last, clock })
    const live = new Live({ workers, slots: authority.slots, situation, clock, log })
    // A watcher would otherwise keep the listener from closing.
    opened.push(() => live.close())
    const context = {
      ...api,
      live,
      zones,
      config: () => config,
      commands,
      notifySecondaries,
      statistics,
      note: ca && ((call: object) => ca.note({ kind: 'call', ...call })),
      clock,
      log,
    }
    await serveHttp(listeners, ca, workers, () => ready, authority, context, backups, log)
    trust.start()
    backups.plan()
    ready = true
    log.info({ listen: listeners.bound, workers: count, zones: [...authority.zones].length }, 'ready')

    const takeOver = async (next: Config) => {
      const compared = compareConfigs(config, next)
      await trust.configure(next)
      const warnings = await configure(next).catch(async error => {
        await trust.configure(config)
        throw error
      })
      if (ca && next.ca) compared.restart.push(...ca.reload(next.ca))
      config = next
      backups.plan()
      trust.start()
      return { ...compared, warnings }
    }
    return {
      status,
      reload: next => inTurn(() => takeOver(next)),
      async stop() {
        ready = false
        await closeAll()
      },
    }
  } catch (error) {
    await closeAll()
    throw error
  }
}

/** By its path the command line finds the daemon. */
function controlSocket({ data_dir }: Config): string {
  return `${data_dir}/control.sock`
}

function openCa(
  config: Config,
  authority: Authority,
  quarantine: Quarantine,
  database: Database,
  world: World,
  log: Log,
): Promise<Ca> {
  const ca = config.ca!
  const viewOf = () => authority.state.views.find(view => view.name === ca.validate_in) ?? authority.state.views[0]
  return createCa({
    ...createOwnership(viewOf, authority.zones.find),
    config: ca,
    dataDir: config.data_dir,
    database,
    ...world,
    log,
    async lookup(name, type) {
      const view = viewOf()
      if (!view) throw new Error('there is no view in which challenges could be looked up')
      const forbidding = type === Type.CAA ? quarantine.caaFor(name) : []
      if (forbidding.length > 0) return { rcode: Rcode.NOERROR, answer: forbidding }
      const { message } = await inquire(view, name, type, { recursive: true, client: 'ca' })
      return { rcode: message.rcode, answer: message.answer }
    },
  })
}

/** What revokes all that stands for a name; undefined where there is no CA. */
function revocationOf(ca: Ca | undefined): ((pattern: string) => Promise<{ serial: string }[]>) | undefined {
  const command = ca?.commands['ca.revoke.where']
  if (!command) return undefined
  return async name => (await command({ where: { name }, reason: 'privilegeWithdrawn' })) as { serial: string }[]
}

/** The names by which clients reach our HTTPS listener. */
function ownHosts({ name, ca }: Config): string[] {
  return [...new Set([new URL(ca!.url).hostname, printName(name).slice(0, -1)])]
}

function useEverywhere(renewed: TlsMaterial, listeners: Listeners, workers: Workers): void {
  listeners.https.useCertificate(renewed)
  workers.renewCertificate(renewed)
}

async function serveHttp(
  listeners: Listeners,
  ca: Ca | undefined,
  workers: Workers,
  ready: () => boolean,
  authority: Authority,
  api: ApiContext,
  backups: BackupKeeper,
  log: Log,
): Promise<void> {
  const [https, http, metrics] = [createApp(log), createApp(log), createApp(log)]
  ca?.registerHttps(https)
  ca?.registerHttp(http)
  serveDoh(https, workers)
  serveApi(https, api)
  serveDashboard(https)
  serveMetrics(metrics, {
    serving: () => workers.metrics(authority.slots),
    resolver: () => workers.report(),
    ready,
    zones: authority.zones,
    lastBackup: () => backups.last,
    ca,
  })
  await Promise.all([listeners.https.serve(https), listeners.http.serve(http), listeners.metrics.serve(metrics)])
}
