/**
 * Claim: from the octets of a query to those of its answer nothing is allocated, and an answer that has to be made costs little more than one that is kept.
 * Printed is the processor time of our own code, without the kernel and the sockets, and what is allocated, for each kind of query; everything that is
 * on by default is on. Below it how often the young generation was collected in a million queries.
 *   node bench/query-path.ts [--queries N] [--rounds N] [--kinds hit,absent]
 */
import { constants, PerformanceObserver } from 'node:perf_hooks'
import { parseArgs } from 'node:util'
import { getHeapSpaceStatistics } from 'node:v8'
import { Asking, kindZones, QUERY_KINDS, type QueryKind } from '../test/server/query-kinds.ts'
import { median } from './contender.ts'

const { values } = parseArgs({
  options: {
    queries: { type: 'string', default: '200000' },
    rounds: { type: 'string', default: '5' },
    kinds: { type: 'string' },
  },
})
const queries = Number(values.queries)
const rounds = Number(values.rounds)
const kinds = QUERY_KINDS.filter(({ id }) => (values.kinds ?? id).split(',').includes(id))
/** Queries over which allocation is measured: so few that nothing is collected meanwhile. */
const FEW = 10_000

let scavenges = 0
new PerformanceObserver(list => {
  for (const { detail } of list.getEntries() as unknown as readonly { detail: { kind: number } }[])
    if (detail.kind === constants.NODE_PERFORMANCE_GC_MINOR) scavenges++
}).observe({ entryTypes: ['gc'] })

const zones = await kindZones()
const rows: object[] = []
for (const kind of kinds) rows.push(await measure(kind))
console.table(rows)

async function measure(kind: QueryKind): Promise<object> {
  const asking = new Asking(kind, zones[kind.zone])
  asking.ask(queries)
  // What is collected is told at the end of a turn.
  await new Promise(setImmediate)
  scavenges = 0
  const times = Array.from({ length: rounds }, () => timed(() => asking.ask(queries)) / queries)
  await new Promise(setImmediate)
  const collected = scavenges / ((rounds * queries) / 1e6)
  const octets = Array.from({ length: rounds }, () => allocated(() => asking.ask(FEW)) / FEW)
  return {
    kind: kind.name,
    'ns/query': Math.round(median(times)),
    'octets/query': Number(median(octets).toFixed(1)),
    'scavenges in a million': Number(collected.toFixed(1)),
  }
}

/** Nanoseconds of processor time of this thread and its helpers. */
function timed(work: () => void): number {
  const before = process.cpuUsage()
  work()
  const { user, system } = process.cpuUsage(before)
  return (user + system) * 1000
}

function allocated(work: () => void): number {
  const before = young()
  work()
  return Math.max(0, young() - before)
}

function young(): number {
  return getHeapSpaceStatistics().find(({ space_name: name }) => name === 'new_space')!.space_used_size
}
