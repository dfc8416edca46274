import fastify, { type FastifyInstance } from 'fastify'
import type { Test } from 'tap'
import { type Ca, type CaDeps, createCa } from '../../ca/ca.ts'
import { CA_MIGRATIONS } from '../../ca/store/store.ts'
import { parseConfig } from '../../config/load.ts'
import type { CaConfig } from '../../config/schema.ts'
import { Class, Rcode } from '../../dns/codes.ts'
import { nameKey, parseName } from '../../dns/name.ts'
import type { ResourceRecord } from '../../dns/record.ts'
import { parseRdataText, typeCode } from '../../dns/types.ts'
import type { Database } from '../../host/database.ts'
import { type Log, silentLog } from '../../host/log.ts'
import type { ShownCertificate } from '../../host/network.ts'
import { systemRandom } from '../../host/random.ts'
import { systemNetwork } from '../../host/system-network.ts'
import type { Tracer } from '../../host/tracer.ts'
import { openMemoryDatabase } from '../../server/storage/memory-database.ts'
import { scratchFolder } from '../scratch.ts'
import { createSimulatedClock, type SimulatedClock } from '../simulation/clock.ts'

export const ORIGIN = 'https://ca.example.test'

const CONFIG = `
listen: { https: ["127.0.0.1:0"] }
views: [{ name: inside, match: { clients: [any] }, zones: [{ name: example.test, type: primary, dynamic: true }] }]
ca:
  name: Test
  url: ${ORIGIN}
  http_url: http://ca.example.test
  issue:
    - { names: ["**.example.test"], wildcards: true, profiles: [default, short] }
    - { names: ["plain.example.org"] }
  profiles:
    - { name: default, validity: 90d }
    - { name: short, validity: 24h }
`

/** The `ca` section of a config, with YAML lines added below it. */
export function caConfig(more = ''): CaConfig {
  const sources = { readFile: () => '', env: {}, hostname: 'ns1.example.test' }
  const loaded = parseConfig(CONFIG + more, '/test/namestead.yaml', sources)
  if (!loaded.config?.ca) throw new Error(loaded.errors.map(error => error.message).join('; '))
  return loaded.config.ca
}

/** A DNS of a few records, in which everything else does not exist. */
export interface Zone {
  set(name: string, type: string, ...texts: string[]): void
  /** Answers every look-up of the name with this RCODE; NOERROR makes it well again. */
  fail(name: string, rcode: number): void
  /** Never answers a look-up of the name. */
  hang(name: string): void
  /** Answers look-ups of the name only once it is released; `asked` resolves when there is one. */
  hold(name: string): { asked: Promise<void>; release(): void }
  lookups: string[]
}

function createZone() {
  const records = new Map<string, ResourceRecord[]>()
  const failures = new Map<string, number>()
  const silent = new Set<string>()
  const held = new Map<string, () => Promise<void>>()
  const lookups: string[] = []
  const keyOf = (name: Uint8Array, type: number) => `${nameKey(name)}/${type}`
  const zone: Zone = {
    set(name, type, ...texts) {
      const owner = parseName(name)
      const code = typeCode(type)!
      records.set(
        keyOf(owner, code),
        texts.map(text => ({ owner, type: code, class: Class.IN, ttl: 0, rdata: parseRdataText(code, text) })),
      )
    },
    fail: (name, rcode) => void failures.set(nameKey(parseName(name)), rcode),
    hang: name => void silent.add(nameKey(parseName(name))),
    hold(name) {
      const asked = Promise.withResolvers<void>()
      const released = Promise.withResolvers<void>()
      held.set(nameKey(parseName(name)), () => {
        asked.resolve()
        return released.promise
      })
      return { asked: asked.promise, release: () => released.resolve() }
    },
    lookups,
  }
  const lookup = async (name: Uint8Array, type: number) => {
    lookups.push(keyOf(name, type))
    const failure = failures.get(nameKey(name))
    if (silent.has(nameKey(name))) return new Promise<never>(() => {})
    await held.get(nameKey(name))?.()
    if (failure) return { rcode: failure, answer: [] }
    const answer = records.get(keyOf(name, type)) ?? []
    return { rcode: answer.length > 0 ? Rcode.NOERROR : Rcode.NXDOMAIN, answer }
  }
  return { zone, lookup }
}

/** A whole CA in this process, with its routes, a clock that stands still and a DNS made of what tests put in. */
export interface World {
  ca: Ca
  https: FastifyInstance
  http: FastifyInstance
  zone: Zone
  clock: SimulatedClock
  database: Database
  /** What clients show in the TLS handshake, which there is none of here. */
  shown?: ShownCertificate
  /** Stops the CA as kill -9 does and starts another on the same disk and database. */
  restart(config?: CaConfig): Promise<void>
}

export interface WorldOptions {
  config?: CaConfig
  log?: Log
  tracer?: Tracer
  fetchText?: CaDeps['fetchText']
  /** What the CA is told of DNS beside look-ups. */
  dns?: Pick<CaDeps, 'provenance' | 'mayWrite'>
  /** Stands between the CA and its database, to fail where a test says. */
  wrap?(database: Database): Database
}

export async function createWorld(t: Test, options: WorldOptions = {}): Promise<World> {
  const dataDir = scratchFolder(t)
  const memory = openMemoryDatabase(CA_MIGRATIONS)
  const database = options.wrap?.(memory) ?? memory
  const clock = createSimulatedClock()
  const { zone, lookup } = createZone()
  const log = options.log ?? silentLog
  const start = async (config: CaConfig) => {
    const ca = await createCa({
      config,
      dataDir,
      database,
      clock,
      random: systemRandom,
      log,
      lookup,
      ...(options.tracer && { tracer: options.tracer }),
      ...(options.fetchText && { fetchText: options.fetchText }),
      network: systemNetwork,
      ...options.dns,
    })
    const https = fastify({ routerOptions: { maxParamLength: 512 } })
    const http = fastify({ routerOptions: { maxParamLength: 512 } })
    ca.registerHttps(https, () => world.shown)
    ca.registerHttp(http)
    await Promise.all([https.ready(), http.ready()])
    await ca.start()
    return { ca, https, http }
  }
  const world: World = {
    ...(await start(options.config ?? caConfig())),
    zone,
    clock,
    database,
    async restart(config = options.config ?? caConfig()) {
      world.ca.close()
      await Promise.all([world.https.close(), world.http.close()])
      Object.assign(world, await start(config))
    },
  }
  t.teardown(async () => {
    world.ca.close()
    await Promise.all([world.https.close(), world.http.close()])
    await memory.close()
  })
  return world
}
