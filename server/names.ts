import { join } from 'node:path'
import { openCaFiles } from '../ca/hierarchy/files.ts'
import type { Config } from '../config/schema.ts'
import type { CopyableDatabase } from '../host/database.ts'
import { createKeyRings } from '../zones/keys/keys.ts'
import { createZoneStore } from '../zones/store/store.ts'
import { type ApiState, openApiState } from './api/state.ts'
import { resumeAfterRestore } from './backup/resume.ts'
import { type Foundation, GRACE } from './foundation.ts'
import { type HttpListener, openTakeover } from './http/http.ts'
import { reachableAt } from './listen/sockets.ts'
import { openQuarantine, type Quarantine } from './quarantine/quarantine.ts'
import { createQuarantineStore } from './quarantine/quarantine-store.ts'
import { openResolverCache } from './resolver/resolver-cache.ts'
import { probeRootOnce, TrustKeeper } from './resolver/trust.ts'
import { openDatabase } from './storage/database.ts'
import { MIGRATIONS } from './storage/migrations.ts'
import type { ThreadsAhead } from './threads/spawn-serving.ts'
import { startWorkers, type Workers } from './threads/workers.ts'
import { type Authority, createAuthority } from './zones/authority.ts'
import { openImageFiles } from './zones/image-files.ts'
import { loadInThread } from './zones/loader.ts'
import { askParents } from './zones/parent-ds.ts'

/** The part of a daemon that answers for names: zones, resolver, serving threads, and what these need of the disk. */
export interface Names {
  authority: Authority
  workers: Workers
  /** Takes over what serving threads accept by HTTPS and do not answer themselves. */
  https: HttpListener
  database: CopyableDatabase
  api: ApiState
  quarantine: Quarantine
  trust: TrustKeeper
  cache: ReturnType<typeof openResolverCache>
  /** Takes over another configuration and gives what is odd about it; rejects, and `now` stays, where a zone can't be loaded. */
  configure(next: Config, now: Config): Promise<string[]>
  /** Takes over the configuration anew: something else has changed that it goes with. */
  reconfigure(): Promise<unknown>
}

const MIB = 1 << 20

/** Opens what is stored, and serves it: names are answered when this resolves. */
export async function openNames(foundation: Foundation, threads: ThreadsAhead): Promise<Names> {
  const { world, log, listeners, count, opened } = foundation
  const { clock } = world
  const config = foundation.config()
  const database = await openStorage(foundation)
  const own = reachableAt([...listeners.dns.dns, ...listeners.dns.dot])
  const keyFiles = await openCaFiles(join(config.data_dir, 'dnssec'))
  const keyRings = createKeyRings(keyFiles, clock, {
    log,
    askParents: origin => askParents(authority.state.views, origin),
  })
  const cache = openResolverCache(config, clock, log)
  const id = world.random.bytes(8)
  opened.push(() => cache.save(foundation.config()))
  const kept = () => {
    const { history } = foundation.config()
    return { ...history, size: history.size * MIB }
  }
  const images = await openImageFiles(join(config.data_dir, 'images'))
  const store = createZoneStore(database, kept, images)
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
  const take = (next: Config) =>
    authority.configure({ ...next, views: quarantine.within(api.created.within(next.views)) })
  const reconfigure = () => foundation.inTurn(() => take(foundation.config()))
  const quarantine = await openQuarantine(createQuarantineStore(database))
  const api = await openApiState({ ...world, database, zones: store, log, reconfigure })
  await take(config)
  await images.sweep()
  await resumeAfterRestore(config.data_dir, authority.zones, log)

  const certificate = config.tls ?? null
  const takeover = join(config.data_dir, 'https.sock')
  const https = await openTakeover(takeover)
  opened.push(() => https.close(GRACE))
  const state = { epoch: 0, config: authority.state.config, zones: authority.zones.serving(), certificate }
  const workers = await startWorkers({
    ...{ count, sockets: listeners.dns, state, main: authority, clock, log, cache: cache.buffer, id },
    ...{ takeover, entrusted: https.entrusted, spawn: threads.spawn, realtime: config.realtime },
  })
  opened.push(() => workers.stop(GRACE))
  authority.attach(workers)

  const configure = async (next: Config, now: Config) => {
    await trust.configure(next)
    return take(next).catch(async error => {
      await trust.configure(now)
      throw error
    })
  }
  return { authority, workers, https, database, api, quarantine, trust, cache, configure, reconfigure }
}

async function openStorage({ config, owner, log, opened }: Foundation): Promise<CopyableDatabase> {
  const database = await openDatabase(config().database.sqlite, MIGRATIONS, {
    onRestart: reason =>
      log.error({ reason }, 'the storage thread crashed and was started again; what was in flight was not answered'),
    onLost: owner.fail,
  })
  opened.push(() => database.close())
  return database
}
