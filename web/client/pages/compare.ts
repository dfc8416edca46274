import { h } from 'preact'
import { useState } from 'preact/hooks'
import type { Comparison, ListedZone } from '../../../cli/replies.ts'
import { get } from '../api.ts'
import { useLoad } from '../load.ts'
import type { PageProps } from '../page-props.ts'
import { Field, Table, Title, Waiting } from '../parts.ts'
import { go } from '../router.ts'
import type { View } from '../view.ts'

interface Wanted {
  name: string
  one: string
  other: string
}

/** What two views see of a zone, where that differs, and why. */
export function ComparePage({ place }: PageProps): View {
  const zones = useLoad(() => get<ListedZone[]>('/zones'), [])
  return h(
    'div',
    { class: 'page' },
    h(Title, null, 'Views side by side'),
    h(Waiting<ListedZone[]>, {
      of: zones,
      children: found => h(Choice, { zones: found, query: place.query, key: place.query.toString() }),
    }),
  )
}

function Choice({ zones, query }: { zones: ListedZone[]; query: URLSearchParams }): View {
  const views = [...new Set(zones.map(({ view }) => view))]
  const [wanted, want] = useState<Wanted>(() => wantedBy(query, zones, views))
  if (views.length < 2) return h('p', { class: 'muted' }, 'There is one view alone.')
  const set = (field: keyof Wanted) => (event: Event) => {
    const next = { ...wanted, [field]: (event.currentTarget as HTMLSelectElement).value }
    want(next)
    go(['compare'], { ...next })
  }
  const select = (field: keyof Wanted, values: string[]) =>
    h(
      'select',
      { value: wanted[field], onChange: set(field) },
      values.map(value => h('option', { key: value, value }, value)),
    )
  return h(
    'div',
    { class: 'stack' },
    h(
      'div',
      { class: 'tools' },
      h(Field, { label: 'Zone', children: select('name', [...new Set(zones.map(({ zone }) => zone))]) }),
      h(Field, { label: 'View', children: select('one', views) }),
      h(Field, { label: 'Beside', children: select('other', views) }),
    ),
    wanted.one === wanted.other ? h('p', { class: 'muted' }, 'Choose two views.') : h(Sides, wanted),
  )
}

/** What the address asks for; else a zone that two views have. */
function wantedBy(query: URLSearchParams, zones: ListedZone[], views: string[]): Wanted {
  const shared = zones.find(({ zone, view }) => zones.some(other => other.zone === zone && other.view !== view))
  const name = query.get('name') ?? shared?.zone ?? zones[0]?.zone ?? ''
  const having = zones.filter(({ zone }) => zone === name).map(({ view }) => view)
  const one = query.get('one') ?? having[0] ?? views[0] ?? ''
  const other = query.get('other') ?? [...having, ...views].find(view => view !== one) ?? ''
  return { name, one, other }
}

function Sides({ name, one, other }: Wanted): View {
  const compared = useLoad(() => get<Comparison>('/diff', { name, views: `${one},${other}` }), [name, one, other])
  return h(Waiting<Comparison>, {
    of: compared,
    children: ({ views, differences }) =>
      h(
        Table,
        {
          label: 'What differs',
          columns: views.map(
            ({ view, serial, overlay_of: base }) =>
              `${view}${base ? `, overlay of ${base}` : ''} (serial ${serial ?? '–'})`,
          ),
          ...(differences.length === 0 && { empty: 'Both views see the same.' }),
        },
        differences.map(difference =>
          h(
            'tr',
            { key: `${difference.view} ${difference.record}` },
            views.map(({ view }) =>
              h(
                'td',
                { key: view, class: 'side' },
                view === difference.view ? h(Present, difference) : h('span', { class: 'muted' }, difference.absent),
              ),
            ),
          ),
        ),
      ),
  })
}

function Present({ record, from }: { record: string; from: string }): View {
  return h('div', null, h('div', { class: 'mono' }, record), h('small', { class: 'muted' }, `from ${from}`))
}
