import type { FastifyRequest } from 'fastify'
import { type Ca, createCa } from '../ca/ca.ts'
import type { Status } from '../cli/replies.ts'
import { addressBytes } from '../config/address.ts'
import { usesClientCertificates } from '../config/client-certificates.ts'
import type { Config } from '../config/schema.ts'
import { Rcode } from '../dns/codes.ts'
import { printName } from '../dns/name.ts'
import { Type } from '../dns/types.ts'
import { serveDashboard } from '../web/dashboard.ts'
import { serveApi } from './api/api.ts'
import { identityOf } from './api/certificate-identity.ts'
import type { ApiContext } from './api/context.ts'
import { tokenCommands } from './api/token-commands.ts'
import { backupCommands } from './backup/commands.ts'
import { type BackupKeeper, openBackupKeeper } from './backup/keeper.ts'
import { cacheCommands } from './control/cache-commands.ts'
import { createCommands } from './control/commands.ts'
import { type Command, listenControl } from './control/control.ts'
import { keyCommands } from './control/key-commands.ts'
import { describeStatus } from './control/status.ts'
import { createTrustCommands } from './control/trust-commands.ts'
import { createExplain } from './explain/explain.ts'
import { createExplainUpdate } from './explain/update.ts'
import { type Foundation, GRACE } from './foundation.ts'
import { serveDoh } from './http/doh.ts'
import { createApp } from './http/http-app.ts'
import { shownOn } from './http/take-over.ts'
import { isWildcardAddress } from './listen/sockaddr.ts'
import { reachableAt } from './listen/sockets.ts'
import { Live } from './live/live.ts'
import { describeSituation } from './live/situation.ts'
import { serveMetrics } from './metrics/metrics-listener.ts'
import type { Names } from './names.ts'
import { serveOidc } from './oidc/routes.ts'
import { createInquirer } from './requests/inquire.ts'
import { Watch } from './watch/watch.ts'
import { createOwnership } from './zones/ownership.ts'

/** The part of a daemon that names are answered without: the CA, HTTP, the control socket, backups. */
export interface Affairs {
  status(): Status
  /** Takes over what of another configuration is its own; names what needs a restart. */
  reload(next: Config): string[]
  /** Begins, or begins anew, what is done from time to time. */
  plan(): void
}

/** Opens the CA and what is told and done over HTTP and the control socket, for names that are served already. */
export async function openAffairs(foundation: Foundation, names: Names): Promise<Affairs> {
  const { config, owner, world, log, listeners, opened } = foundation
  const { authority, workers, database, trust } = names
  const { clock } = world
  const backups = await openBackupKeeper({ config, configFile: owner.configFile, database, clock }, log)
  opened.push(() => backups.close())

  const ca = config().ca && (await openCa(foundation, names))
  if (ca) opened.push(() => ca.close())
  const certificate = config().tls ?? (await ca?.serverCertificate(ownHosts(config())))
  if (ca && certificate && !config().tls) {
    workers.renewCertificate(certificate)
    ca.onServerCertificate(renewed => workers.renewCertificate(renewed))
  }
  const askClients = (current: Config) =>
    workers.askClients(ca && usesClientCertificates(current) ? ca.clientIssuers() : undefined)
  askClients(config())
  ca?.onNewIssuer(() => askClients(config()))
  // What is in flight over HTTP still needs the CA, the database and the serving threads.
  opened.push(() => Promise.all([names.https.close(GRACE), listeners.closeHttp(GRACE), workers.stop(GRACE)]))

  const watch = openWatch(foundation, names, ca)
  opened.push(() => watch.close())
  const status = () =>
    describeStatus({ ...foundation, ...names, ca, ...owner, config: config(), ready: foundation.ready() })
  const situation = () =>
    describeSituation({
      ...{ zones: authority.zones, ca, clock },
      report: () => workers.report(),
      lastBackup: () => backups.last,
    })
  const live = new Live({ workers, slots: authority.slots, situation, clock, log })
  // A watcher would otherwise keep the listener from closing.
  opened.push(() => live.close())
  const commands = commandsOf(foundation, names, { ca, backups, watch, live, status })
  const control = await listenControl(controlSocket(config()), commands, log)
  opened.push(() => control.close())
  await ca?.start()
  const context = {
    ...names.api,
    ...{ config, commands, live, clock, log },
    zones: authority.zones,
    notifySecondaries: authority.notifySecondaries,
    statistics: () => workers.metrics(authority.slots),
    byCertificate: async ({ socket }: FastifyRequest) => {
      const { certificates } = config().api
      const shown = certificates.length > 0 ? shownOn(socket) : undefined
      const record = shown && (await ca?.standing(shown))
      return record && identityOf(record, certificates)
    },
    note: ca && ((call: object) => ca.note({ kind: 'call', ...call })),
  }
  await serveHttp(foundation, names, context, { ca, backups, watch })
  return {
    status,
    reload(next) {
      askClients(next)
      return ca && next.ca ? ca.reload(next.ca) : []
    },
    plan() {
      backups.plan()
      trust.start()
      watch.plan()
    },
  }
}

function openWatch({ config, world, log, listeners }: Foundation, { authority }: Names, ca: Ca | undefined): Watch {
  const [server] = reachableAt(listeners.dns.dns).filter(({ address }) => !isWildcardAddress(addressBytes(address)!))
  return new Watch({ ...world, config, authority, server, affairs: ca?.affairs, log })
}

/** By its path the command line finds the daemon. */
function controlSocket({ data_dir }: Config): string {
  return `${data_dir}/control.sock`
}

function openCa({ config, world, log }: Foundation, { authority, quarantine, database }: Names): Promise<Ca> {
  const { ca, data_dir: dataDir } = config()
  const { validate_in: name } = ca!
  const viewOf = () => authority.state.views.find(view => view.name === name) ?? authority.state.views[0]
  const ask = createInquirer()
  return createCa({
    ...createOwnership(viewOf, authority.zones.find),
    config: ca!,
    dataDir,
    database,
    ...world,
    log,
    async lookup(name, type) {
      const view = viewOf()
      if (!view) throw new Error('there is no view in which challenges could be looked up')
      const forbidding = type === Type.CAA ? quarantine.caaFor(name) : []
      if (forbidding.length > 0) return { rcode: Rcode.NOERROR, answer: forbidding }
      const { message } = await ask(view, name, type, { recursive: true, client: 'ca' })
      return { rcode: message.rcode, answer: message.answer }
    },
  })
}

/** The names by which clients reach our HTTPS listener. */
function ownHosts({ name, ca }: Config): string[] {
  return [...new Set([new URL(ca!.url).hostname, printName(name).slice(0, -1)])]
}

/** What commands are about, beside the names. */
interface Managed {
  ca: Ca | undefined
  backups: BackupKeeper
  watch: Watch
  live: Live
  status: () => Status
}

function commandsOf(
  foundation: Foundation,
  names: Names,
  { ca, backups, watch, live, status }: Managed,
): Record<string, Command> {
  const { config, owner, world, log } = foundation
  const { authority, workers, trust, cache, api, quarantine, reconfigure } = names
  const { zones, state, promote } = authority
  const { clock } = world
  const reports = async () => {
    const { counters, upstreams } = await workers.report()
    return { counters, upstreams }
  }
  return createCommands({
    ...owner,
    ...{ clock, zones, promote, ca },
    explain: createExplain({ ...world, state, zoneOf: zones.find, affairs: ca?.affairs }),
    explainUpdate: createExplainUpdate(state, zones.find),
    status: async () => ({ ...status(), upstreams: (await workers.report()).upstreams }),
    more: {
      ...tokenCommands(api.tokens, () => config().views.map(({ name }) => name), log),
      ...keyCommands(config, async () => (await workers.report()).keys),
      ...createTrustCommands(trust),
      ...backupCommands(backups),
      ...quarantine.commands({ zones, reconfigure, revoke: revocationOf(ca), clock, log }),
      ...cacheCommands(cache, state, () => workers.flushed()),
      probe: () => watch.look(),
      live: () => live.now(),
      resolver: reports,
      top: async () => (await workers.report()).top,
    },
  })
}

/** What revokes all that stands for a name; undefined where there is no CA. */
function revocationOf(ca: Ca | undefined): ((pattern: string) => Promise<{ serial: string }[]>) | undefined {
  const command = ca?.commands['ca.revoke.where']
  if (!command) return undefined
  return async name => (await command({ where: { name }, reason: 'privilegeWithdrawn' })) as { serial: string }[]
}

async function serveHttp(
  { listeners, ready, tracing, world, log }: Foundation,
  { authority, workers, https: takenOver }: Names,
  api: ApiContext,
  { ca, backups, watch }: Omit<Managed, 'live' | 'status'>,
): Promise<void> {
  const [https, http, metrics] = [createApp(log), createApp(log), createApp(log)]
  for (const app of [https, http]) tracing?.follow(app)
  ca?.registerHttps(https, ({ socket }) => shownOn(socket))
  ca?.registerHttp(http)
  serveDoh(https, workers)
  serveApi(https, api)
  const oidc = () => api.config().dashboard.oidc
  serveOidc(https, { ...api, config: oidc, random: world.random })
  serveDashboard(https, () => oidc()?.label)
  serveMetrics(metrics, {
    serving: () => workers.metrics(authority.slots),
    resolver: () => workers.report(),
    ready,
    zones: authority.zones,
    clock: api.clock,
    lastBackup: () => backups.last,
    watched: () => watch.report,
    traced: tracing?.counts,
    ca,
  })
  await Promise.all([takenOver.serve(https), listeners.http.serve(http), listeners.metrics.serve(metrics)])
}
