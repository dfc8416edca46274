import { h } from 'preact'
import type { Sample, Situation } from '../../../cli/replies.ts'
import { Chart, type Series } from '../chart.ts'
import { count, date, distance, percent, rate, span, time } from '../format.ts'
import type { PageProps } from '../page-props.ts'
import { Panel, Table, Tag, Title, type Tone } from '../parts.ts'
import { href } from '../router.ts'
import type { View } from '../view.ts'

/** The daemon at a glance. */
export function OverviewPage({ live, session }: PageProps): View {
  const { samples, situation } = live
  return h(
    'div',
    { class: 'page' },
    h(
      Title,
      { aside: situation && h('span', { class: 'muted' }, `as of ${time(situation.at).slice(11)}`) },
      'Overview',
    ),
    h(Tiles, { samples, situation }),
    h(Charts, { samples }),
    h(
      'div',
      { class: 'grid' },
      situation && situation.zones.unserved.length > 0 && h(Unserved, { situation }),
      situation?.ca && session.ca && h(Ending, { ca: situation.ca }),
      situation && h(Upstreams, { situation }),
      situation && h(Top, { situation }),
    ),
  )
}

function Tiles({ samples, situation }: { samples: Sample[]; situation: Situation | undefined }): View {
  const last = samples.at(-1)
  const rcodes = last ? byRcode(last) : {}
  const failing = (rcodes['SERVFAIL'] ?? 0) + (rcodes['REFUSED'] ?? 0)
  const day = situation?.ca?.day
  const failed = (day?.['failed'] ?? 0) + (day?.['refused'] ?? 0)
  const waiting = situation?.ca?.waiting ?? 0
  const down = situation?.upstreams.filter(({ state }) => state === 'down').length ?? 0
  return h(
    'dl',
    { class: 'tiles' },
    tile('Answers', last && `${rate(sum(rcodes))}/s`),
    tile('SERVFAIL and REFUSED', last && `${rate(failing)}/s`, failing > 0 ? 'warn' : 'plain'),
    tile('Latency, 95 %', last && span(last.latency?.p95)),
    tile('Answer cache', last && percent(last.cached)),
    tile('Updates', last && `${rate(sum(last.updates))}/s`),
    tile(
      'Zones',
      situation && count(situation.zones.all),
      situation && situation.zones.unserved.length > 0 ? 'bad' : 'plain',
    ),
    tile('Upstreams down', situation && `${down} of ${situation.upstreams.length}`, down > 0 ? 'bad' : 'plain'),
    day && tile('Issued in a day', count(day['issued'] ?? 0)),
    day && tile('Failed in a day', count(failed), failed > 0 ? 'warn' : 'plain'),
    waiting > 0 && tile('Waiting for a person', count(waiting), 'warn'),
    situation &&
      tile('Last backup', situation.backup ? distance(situation.backup) : 'never', situation.backup ? 'plain' : 'warn'),
  )
}

function tile(name: string, value: string | undefined, tone: Tone = 'plain'): View {
  return h('div', { class: `tile ${tone}`, key: name }, h('dt', null, name), h('dd', null, value ?? '–'))
}

function Charts({ samples }: { samples: Sample[] }): View {
  const times = samples.map(({ at }) => at)
  const views = [...new Set(samples.flatMap(({ views }) => Object.keys(views)))]
  const rcodes = [...new Set(samples.flatMap(sample => Object.keys(byRcode(sample))))]
  const chart = (label: string, series: Series[], print: (value: number) => string, least: number) =>
    h(Chart, { label, times, series, print, least })
  return h(
    'div',
    { class: 'charts' },
    chart(
      'Answers per second, by view',
      views.map(name => ({ name, values: samples.map(sample => sum(sample.views[name] ?? {})) })),
      rate,
      1,
    ),
    chart(
      'Answers per second, by RCODE',
      rcodes.map(name => ({ name, values: samples.map(sample => byRcode(sample)[name] ?? 0) })),
      rate,
      1,
    ),
    chart(
      'Time to answer',
      [
        { name: 'half', values: samples.map(({ latency }) => latency?.half ?? null) },
        { name: '95 %', values: samples.map(({ latency }) => latency?.p95 ?? null) },
        { name: '99 %', values: samples.map(({ latency }) => latency?.p99 ?? null) },
      ],
      span,
      0.0001,
    ),
    chart(
      'Updates per second',
      [
        { name: 'done', values: samples.map(({ updates }) => updates['NOERROR'] ?? 0) },
        { name: 'refused or failed', values: samples.map(({ updates }) => sum(updates) - (updates['NOERROR'] ?? 0)) },
      ],
      rate,
      1,
    ),
  )
}

function byRcode({ views }: Sample): Record<string, number> {
  const sums: Record<string, number> = {}
  for (const counts of Object.values(views))
    for (const [rcode, count] of Object.entries(counts)) sums[rcode] = (sums[rcode] ?? 0) + count
  return sums
}

function sum(counts: Record<string, number>): number {
  return Object.values(counts).reduce((all, one) => all + one, 0)
}

function Unserved({ situation }: { situation: Situation }): View {
  const { unserved } = situation.zones
  return h(
    Panel,
    { title: 'Zones that are not served' },
    h(
      Table,
      { label: 'Zones that are not served', columns: ['Zone', 'View', 'Why'] },
      unserved.map(({ zone, view, why }) =>
        h(
          'tr',
          { key: view + zone },
          h('td', null, zone),
          h('td', null, view),
          h('td', null, h(Tag, { tone: 'bad' }, why)),
        ),
      ),
    ),
  )
}

const TONES: Record<string, Tone> = { up: 'good', down: 'bad', 'no address': 'bad' }

function Upstreams({ situation }: { situation: Situation }): View {
  const { upstreams } = situation
  return h(
    Panel,
    { title: 'Upstreams', wide: true },
    h(
      Table,
      {
        label: 'Upstreams',
        columns: ['Upstream', 'For', 'View', 'State', 'Round trip#', 'Asked#', 'Unanswered#'],
        ...(upstreams.length === 0 && { empty: 'Nothing is forwarded.' }),
      },
      upstreams.map(one =>
        h(
          'tr',
          { key: `${one.view} ${one.zone} ${one.upstream}` },
          h('td', null, one.upstream),
          h('td', null, one.zone),
          h('td', null, one.view),
          h(
            'td',
            null,
            h(Tag, { tone: TONES[one.state] ?? 'plain' }, one.state),
            one.reason && h('small', null, ` ${one.reason}`),
          ),
          h('td', { class: 'number' }, one.round_trip === undefined ? '–' : span(one.round_trip / 1000)),
          h('td', { class: 'number' }, count(one.asked)),
          h('td', { class: 'number' }, count(one.unanswered)),
        ),
      ),
    ),
  )
}

function Ending({ ca }: { ca: NonNullable<Situation['ca']> }): View {
  const authorities = ca.authorities.map(({ issuer, role, not_after }) => ({
    name: `${role} of ${issuer}`,
    not_after,
    link: href(['certificates']),
    failure: undefined,
  }))
  const leaves = ca.ending.map(({ serial, names, not_after, failure }) => ({
    name: names.join(', '),
    not_after,
    link: href(['certificates', serial]),
    failure,
  }))
  const all = [...leaves, ...authorities].sort((a, b) => (a.not_after < b.not_after ? -1 : 1))
  return h(
    Panel,
    { title: 'What expires next' },
    h(
      Table,
      { label: 'What expires next', columns: ['Certificate', 'Ends', ''] },
      all.map(({ name, not_after, link, failure }) =>
        h(
          'tr',
          { key: name + not_after },
          h('td', null, h('a', { href: link }, name)),
          h('td', null, `${date(not_after)} `, h(Tag, { tone: toneOf(not_after) }, distance(not_after))),
          h('td', null, failure && h('small', { class: 'bad' }, failure)),
        ),
      ),
    ),
  )
}

function toneOf(end: string): Tone {
  const days = (Date.parse(end) - Date.now()) / 86_400_000
  return days < 3 ? 'bad' : days < 14 ? 'warn' : 'plain'
}

function Top({ situation }: { situation: Situation }): View {
  const { top } = situation
  const list = (title: string, entries: { key: string; count: number }[]) =>
    h(
      'div',
      { class: 'top', key: title },
      h('h3', null, title),
      entries.length === 0
        ? h('p', { class: 'muted' }, 'none')
        : h(
            'ol',
            null,
            entries
              .slice(0, 6)
              .map(({ key, count: times }) => h('li', { key }, h('span', null, key), h('b', null, count(times)))),
          ),
    )
  return h(
    Panel,
    { title: `Most frequent in ${top.seconds / 60} minutes`, wide: true },
    h(
      'div',
      { class: 'tops' },
      list('Names', top.names),
      list('Clients', top.clients),
      list('SERVFAIL', top.failures),
      list('Blocked', top.blocked),
    ),
  )
}
