import type { Command } from 'commander'
import { colourful, type Meaning, type Paint, plain } from './colour.ts'
import { ask, type OnlineOptions, online, printJson } from './online.ts'
import type { LiveState, TopEntry } from './replies.ts'
import { picture } from './screen.ts'
import { type Terminal, table } from './terminal.ts'

/** Milliseconds between two looks: the daemon samples as often. */
const EVERY = 5000
/** Of each list. */
const MOST = 8

/** RCODEs that somebody should look into. */
const RCODES: Readonly<Record<string, Meaning>> = { SERVFAIL: 'bad', REFUSED: 'doubtful', NOTAUTH: 'doubtful' }
const STATES: Readonly<Record<LiveState['upstreams'][number]['state'], Meaning>> = {
  ...{ up: 'good', down: 'bad', 'not asked yet': 'quiet', 'no address': 'doubtful' },
}

/** `top`: what goes on, again and again on a terminal, once elsewhere. */
export function addTop(program: Command, terminal: Terminal): void {
  online(program.command('top').description('queries, failures, upstreams and certificates as they come; q ends it'))
    .option('--once', 'print it once')
    .action(async (options: OnlineOptions & { once?: boolean }) => {
      const paint = terminal.colours ? colourful : plain
      const look = () => ask('live', {}, options, terminal)
      if (options.json) return printJson(await look(), terminal)
      const screen = options.once ? undefined : terminal.openScreen?.()
      if (!screen) return terminal.out(`${describe(await look(), paint).join('\n')}\n`)
      try {
        do terminal.out(picture(describe(await look(), paint), screen))
        while (await screen.wait(EVERY))
      } finally {
        screen.close()
      }
    })
}

/** The lines of one look, what matters most first. */
function describe(live: LiveState, paint: Paint): string[] {
  return [
    describeZones(live, paint),
    ...describeQueries(live, paint),
    ...describeUpstreams(live, paint),
    ...listed(paint, 'FAILURES (SERVFAIL)', live.top.failures),
    ...listed(paint, 'NAMES', live.top.names),
    ...listed(paint, 'CLIENTS', live.top.clients),
    ...listed(paint, 'BLOCKED', live.top.blocked),
    ...describeCertificates(live, paint),
  ]
}

function describeZones({ at, zones: { all, records, signed, unserved } }: LiveState, paint: Paint): string {
  const bad = unserved.map(({ view, zone, why }) => `; ${paint('bad', `${zone} in view ${view}: ${why}`)}`).join('')
  return `${at}  ${all} zones, ${records} records, ${signed} signed${bad}`
}

function describeQueries({ sample }: LiveState, paint: Paint): string[] {
  if (!sample) return ['', 'no sample yet']
  const { views, latency, updates, cached } = sample
  const rows = Object.entries(views).map(([view, rates]) => [
    ...[view, perSecond(total(rates)), describeRates(rates, paint)],
  ])
  const seen = [
    latency && `half within ${duration(latency.half)}, 99 % within ${duration(latency.p99)}`,
    cached !== null && `${Math.round(cached * 100)} % from the answer cache`,
    total(updates) > 0 && `updates: ${describeRates(updates, paint)}`,
  ].filter(Boolean)
  return ['', ...lines(paint, ['VIEW', 'ANSWERS/S', 'BY RCODE'], rows), ...(seen.length > 0 ? [seen.join('; ')] : [])]
}

function describeUpstreams({ upstreams }: LiveState, paint: Paint): string[] {
  const rows = upstreams.map(({ view, zone, upstream, state, round_trip: time, outstanding, asked, unanswered }) => [
    ...[upstream, zone, view, paint(STATES[state], state), time === undefined ? '–' : `${time} ms`],
    ...[String(outstanding), String(asked), String(unanswered)],
  ])
  const headings = ['UPSTREAM', 'FOR', 'VIEW', 'STATE', 'TIME', 'OUTSTANDING', 'ASKED', 'UNANSWERED']
  return rows.length > 0 ? ['', ...lines(paint, headings, rows)] : []
}

function describeCertificates({ ca }: LiveState, paint: Paint): string[] {
  if (!ca) return []
  const day = Object.entries(ca.day).map(([kind, count]) => `${count} ${kind}`)
  const rows = ca.ending
    .slice(0, MOST)
    .map(({ names, not_after: end, failure }) => [
      names.join(', ') || '–',
      end,
      failure === undefined ? '' : paint('bad', failure),
    ])
  return [
    '',
    `CA, last day: ${day.join(', ') || 'nothing'}`,
    ...(rows.length > 0 ? lines(paint, ['ENDS NEXT', 'AT', ''], rows) : []),
  ]
}

/** About how often in the last minutes. */
function listed(paint: Paint, heading: string, entries: readonly TopEntry[]): string[] {
  if (entries.length === 0) return []
  return [
    '',
    ...lines(
      paint,
      [heading, 'TIMES'],
      entries.slice(0, MOST).map(({ key, count }) => [key, count]),
    ),
  ]
}

function lines(paint: Paint, headings: readonly string[], rows: readonly (readonly (string | number)[])[]): string[] {
  const shown = headings.map(heading => (heading === '' ? '' : paint('heading', heading)))
  return table(shown, rows).trimEnd().split('\n')
}

function describeRates(rates: Readonly<Record<string, number>>, paint: Paint): string {
  const sorted = Object.entries(rates).sort(([, one], [, other]) => other - one)
  return sorted
    .map(([rcode, rate]) => {
      const text = `${rcode} ${perSecond(rate)}`
      const meaning = RCODES[rcode]
      return meaning && rate > 0 ? paint(meaning, text) : text
    })
    .join(', ')
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
