import type { Command } from 'commander'
import { ask, type OnlineOptions, online, printJson } from './online.ts'
import type { LiveState, TopEntry } from './replies.ts'
import { picture } from './screen.ts'
import { type Terminal, table } from './terminal.ts'

/** Milliseconds between two looks: the daemon samples as often. */
const EVERY = 5000
/** Of each list. */
const MOST = 8

/** `top`: what goes on, again and again on a terminal, once elsewhere. */
export function addTop(program: Command, terminal: Terminal): void {
  online(program.command('top').description('queries, failures, upstreams and certificates as they come; q ends it'))
    .option('--once', 'print it once')
    .action(async (options: OnlineOptions & { once?: boolean }) => {
      const look = () => ask('live', {}, options, terminal)
      if (options.json) return printJson(await look(), terminal)
      const screen = options.once ? undefined : terminal.openScreen?.()
      if (!screen) return terminal.out(`${describe(await look()).join('\n')}\n`)
      try {
        do terminal.out(picture(describe(await look()), screen))
        while (await screen.wait(EVERY))
      } finally {
        screen.close()
      }
    })
}

/** The lines of one look, what matters most first. */
function describe(live: LiveState): string[] {
  return [
    describeZones(live),
    ...describeQueries(live),
    ...describeUpstreams(live),
    ...listed('FAILURES (SERVFAIL)', live.top.failures),
    ...listed('NAMES', live.top.names),
    ...listed('CLIENTS', live.top.clients),
    ...listed('BLOCKED', live.top.blocked),
    ...describeCertificates(live),
  ]
}

function describeZones({ at, zones: { all, records, signed, unserved } }: LiveState): string {
  const bad = unserved.map(({ view, zone, why }) => `; ${zone} in view ${view}: ${why}`).join('')
  return `${at}  ${all} zones, ${records} records, ${signed} signed${bad}`
}

function describeQueries({ sample }: LiveState): string[] {
  if (!sample) return ['', 'no sample yet']
  const { views, latency, updates, cached } = sample
  const rows = Object.entries(views).map(([view, rates]) => [view, perSecond(total(rates)), describeRates(rates)])
  const seen = [
    latency && `half within ${duration(latency.half)}, 99 % within ${duration(latency.p99)}`,
    cached !== null && `${Math.round(cached * 100)} % from the answer cache`,
    total(updates) > 0 && `updates: ${describeRates(updates)}`,
  ].filter(Boolean)
  return ['', ...lines(['VIEW', 'ANSWERS/S', 'BY RCODE'], rows), ...(seen.length > 0 ? [seen.join('; ')] : [])]
}

function describeUpstreams({ upstreams }: LiveState): string[] {
  const rows = upstreams.map(({ view, zone, upstream, state, round_trip: time, outstanding, asked, unanswered }) => [
    ...[upstream, zone, view, state, time === undefined ? '–' : `${time} ms`],
    ...[String(outstanding), String(asked), String(unanswered)],
  ])
  const headings = ['UPSTREAM', 'FOR', 'VIEW', 'STATE', 'TIME', 'OUTSTANDING', 'ASKED', 'UNANSWERED']
  return rows.length > 0 ? ['', ...lines(headings, rows)] : []
}

function describeCertificates({ ca }: LiveState): string[] {
  if (!ca) return []
  const day = Object.entries(ca.day).map(([kind, count]) => `${count} ${kind}`)
  const rows = ca.ending
    .slice(0, MOST)
    .map(({ names, not_after: end, failure }) => [names.join(', ') || '–', end, failure ?? ''])
  return [
    '',
    `CA, last day: ${day.join(', ') || 'nothing'}`,
    ...(rows.length > 0 ? lines(['ENDS NEXT', 'AT', ''], rows) : []),
  ]
}

/** About how often in the last minutes. */
function listed(heading: string, entries: readonly TopEntry[]): string[] {
  if (entries.length === 0) return []
  return [
    '',
    ...lines(
      [heading, 'TIMES'],
      entries.slice(0, MOST).map(({ key, count }) => [key, count]),
    ),
  ]
}

function lines(headings: readonly string[], rows: readonly (readonly (string | number)[])[]): string[] {
  return table(headings, rows).trimEnd().split('\n')
}

function describeRates(rates: Readonly<Record<string, number>>): string {
  const sorted = Object.entries(rates).sort(([, one], [, other]) => other - one)
  return sorted.map(([rcode, rate]) => `${rcode} ${perSecond(rate)}`).join(', ')
}

function total(rates: Readonly<Record<string, number>>): number {
  return Object.values(rates).reduce((sum, rate) => sum + rate, 0)
}

function perSecond(rate: number): string {
  return rate < 10 ? rate.toFixed(1) : String(Math.round(rate))
}

function duration(seconds: number): string {
  return seconds < 0.001 ? `${Math.round(seconds * 1e6)} µs` : `${Number((seconds * 1000).toPrecision(2))} ms`
}
