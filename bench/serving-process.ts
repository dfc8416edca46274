/** One serving thread with one zone, for bench/query.ts: node bench/serving-process.ts ZONEFILE APEX PORT */
import { readFileSync } from 'node:fs'
import type { ViewConfig } from '../config/schema.ts'
import { parseName } from '../dns/name.ts'
import { parseZonefile } from '../dns/zonefile.ts'
import { systemClock } from '../host/clock.ts'
import { silentLog } from '../host/log.ts'
import { loadLibc } from '../server/listen/libc.ts'
import { openSockets } from '../server/listen/sockets.ts'
import { startWorkers } from '../server/worker.ts'
import { ZoneImage } from '../zones/zone.ts'

const [, , file, apex, port] = process.argv
const origin = parseName(`${apex}.`)
const { records, errors } = parseZonefile(readFileSync(file!, 'utf8'), { origin, file: file! })
if (errors.length > 0) throw errors[0]
const image = ZoneImage.create(origin, records).buffer
const view: ViewConfig = {
  name: 'all',
  match: { keys: [] },
  recursion: [],
  zones: [],
  forward: [],
  refuse: [],
  leak_guard: true,
}
const address = { address: '127.0.0.1', port: Number(port) }
const sockets = await openSockets({ dns: [address], dot: [], workers: 1, libc: loadLibc() })
const config = {
  name: parseName('bench.'),
  views: [view],
  keys: [],
  cookie_secret: [new Uint8Array(16)],
  transfers: { out: 64 },
  chaos: { identity: false },
  proxy_protocol: [],
  log: { level: 'warn' as const, queries: false as const },
}
await startWorkers({
  count: 1,
  sockets,
  state: { epoch: 0, config, zones: [{ view: 'all', origin, image }], certificate: null },
  main: { update: async () => ({ rcode: 5 }), notify: async () => ({ rcode: 5 }), differences: async () => undefined },
  clock: systemClock,
  log: silentLog,
})
