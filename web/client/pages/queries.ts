import { h } from 'preact'
import { useState } from 'preact/hooks'
import type { QueryLine } from '../../../cli/replies.ts'
import { count, span } from '../format.ts'
import { type SeenQueries, useQueries } from '../live.ts'
import type { PageProps } from '../page-props.ts'
import { Table, Tag, Title, type Tone } from '../parts.ts'
import { href } from '../router.ts'
import type { View } from '../view.ts'

const MOST_KEPT = 500
const MOST_SHOWN = 200
const TONES: Record<string, Tone> = { NOERROR: 'good', SERVFAIL: 'bad', REFUSED: 'warn' }

interface Seen extends QueryLine {
  id: number
  at: string
}

/** Queries as they are answered. */
export function QueriesPage(_props: PageProps): View {
  const [paused, pause] = useState(false)
  const [search, setSearch] = useState('')
  const [seen, see] = useState<{ next: number; skipped: number; lines: Seen[] }>({ next: 0, skipped: 0, lines: [] })
  useQueries(!paused, ({ at, lines, skipped }: SeenQueries) =>
    see(before => ({
      next: before.next + lines.length,
      skipped: before.skipped + skipped,
      lines: [...lines.map((line, i) => ({ ...line, at, id: before.next + i })).reverse(), ...before.lines].slice(
        0,
        MOST_KEPT,
      ),
    })),
  )
  const found = seen.lines.filter(line => textOf(line).includes(search.toLowerCase())).slice(0, MOST_SHOWN)
  return h(
    'div',
    { class: 'page' },
    h(Title, null, 'Queries'),
    h(
      'div',
      { class: 'tools' },
      h('input', {
        type: 'search',
        placeholder: 'Name, type, client, RCODE, view',
        'aria-label': 'Search queries',
        value: search,
        onInput: (event: Event) => setSearch((event.currentTarget as HTMLInputElement).value),
      }),
      h(
        'button',
        { type: 'button', 'aria-pressed': paused, onClick: () => pause(!paused) },
        paused ? 'Go on' : 'Pause',
      ),
      h(
        'span',
        { class: 'muted', role: 'status' },
        seen.skipped > 0 ? `${count(seen.skipped)} more were answered and are not shown` : '',
      ),
    ),
    h(
      Table,
      {
        label: 'Answered queries',
        columns: ['Time', 'Client', 'View', 'Name', 'Type', 'RCODE', 'From', 'Took#'],
        ...(found.length === 0 && { empty: paused ? 'Nothing was seen.' : 'Waiting for queries …' }),
      },
      found.map(line => h(Row, { key: line.id, line })),
    ),
  )
}

function textOf({ name, type, client, rcode, view = '', from }: QueryLine): string {
  return `${name} ${type} ${client} ${rcode} ${view} ${from}`.toLowerCase()
}

function Row({ line }: { line: Seen }): View {
  const { at, client, transport, view, name, type, rcode, from, ms, upstream } = line
  return h(
    'tr',
    null,
    h('td', { class: 'nowrap' }, new Date(at).toLocaleTimeString('sv')),
    h('td', { class: 'nowrap' }, `${client} `, h('small', { class: 'muted' }, transport)),
    h('td', null, view ?? '–'),
    h('td', { class: 'mono' }, h('a', { href: href(['explain'], { name, type, from: client }) }, name)),
    h('td', null, type),
    h('td', null, h(Tag, { tone: TONES[rcode] ?? 'plain' }, rcode)),
    h('td', null, upstream ?? from),
    h('td', { class: 'number' }, ms === 0 ? '' : span(ms / 1000)),
  )
}
