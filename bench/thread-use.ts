/** What each thread of a server takes for what is asked of it. */
import { readdirSync, readFileSync } from 'node:fs'
import { childrenOf, median } from './contender.ts'

/** What a thread has used so far, or of it for one thing that was asked. */
export interface ThreadUse {
  /** Processor time, µs. */
  cpu: number
  /** How often it has waited for something, and how often another has taken its core. */
  waits: number
  evictions: number
}

/** The use of each thread, by name. */
export type ThreadUses = Map<string, ThreadUse>

/** That of each thread of a process and of those that it has started. */
export function threadUses(pid: number, uses: ThreadUses = new Map()): ThreadUses {
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    const read = (file: string) => readFileSync(`/proc/${pid}/task/${thread}/${file}`, 'utf8')
    const status = read('status')
    const count = (field: string) => Number(new RegExp(`^${field}:\\s*(\\d+)`, 'm').exec(status)![1])
    const name = read('comm').trim()
    const { cpu, waits, evictions } = uses.get(name) ?? { cpu: 0, waits: 0, evictions: 0 }
    uses.set(name, {
      cpu: cpu + Number(read('schedstat').split(' ')[0]) / 1000,
      waits: waits + count('voluntary_ctxt_switches'),
      evictions: evictions + count('nonvoluntary_ctxt_switches'),
    })
  }
  for (const child of childrenOf(pid)) threadUses(child, uses)
  return uses
}

/** What was used in between, for each of so many. */
export function usesBetween(before: ThreadUses, after: ThreadUses, count: number): ThreadUses {
  const each = [...after].map(([name, use]): [string, ThreadUse] => {
    const of = (key: keyof ThreadUse) => (use[key] - (before.get(name)?.[key] ?? 0)) / count
    return [name, { cpu: of('cpu'), waits: of('waits'), evictions: of('evictions') }]
  })
  return new Map(each)
}

/** Prints the medians of measurements. */
export function reportThreads(what: string, measured: readonly ThreadUses[]): void {
  const of = (name: string, key: keyof ThreadUse) => median(measured.map(uses => uses.get(name)?.[key] ?? 0))
  const names = new Set(measured.flatMap(uses => [...uses.keys()]))
  const rows = [...names].map(thread => ({
    thread,
    'CPU µs': Math.round(of(thread, 'cpu')),
    waits: Number(of(thread, 'waits').toFixed(1)),
    'taken off its core': Number(of(thread, 'evictions').toFixed(1)),
  }))
  console.log(`${what}:`)
  console.table(rows.filter(row => row['CPU µs'] > 0))
}
