import { h } from 'preact'
import { useMemo, useState } from 'preact/hooks'
import type { ListedZone } from '../../../cli/replies.ts'
import { get } from '../api.ts'
import { count } from '../format.ts'
import { useLoad } from '../load.ts'
import type { PageProps } from '../page-props.ts'
import { Table, Tag, Title, Waiting } from '../parts.ts'
import { href } from '../router.ts'
import type { View } from '../view.ts'

const MOST_SHOWN = 500

/** All zones of all views. */
export function ZonesPage(_props: Pick<PageProps, 'place'>): View {
  const zones = useLoad(() => get<ListedZone[]>('/zones'), [])
  const [search, setSearch] = useState('')
  return h(
    'div',
    { class: 'page' },
    h(
      Title,
      {
        aside: h('input', {
          type: 'search',
          placeholder: 'Search zones and views',
          'aria-label': 'Search zones and views',
          value: search,
          onInput: (event: Event) => setSearch((event.currentTarget as HTMLInputElement).value),
        }),
      },
      'Zones',
    ),
    h(Waiting<ListedZone[]>, {
      of: zones,
      children: found => h(List, { zones: found, search: search.toLowerCase() }),
    }),
  )
}

function List({ zones, search }: { zones: ListedZone[]; search: string }): View {
  const found = useMemo(
    () => zones.filter(({ zone, view, kind }) => `${zone} ${view} ${kind}`.includes(search)),
    [zones, search],
  )
  return h(
    'div',
    { class: 'stack' },
    h(
      Table,
      {
        label: 'Zones',
        columns: ['Zone', 'View', 'Kind', 'Serial#', 'Records#'],
        ...(found.length === 0 && {
          empty: zones.length === 0 ? 'Your token is for no zone that is here.' : 'No zone matches.',
        }),
      },
      found.slice(0, MOST_SHOWN).map(zone => h(Row, { key: `${zone.view} ${zone.zone}`, ...zone })),
    ),
    found.length > MOST_SHOWN &&
      h('p', { class: 'muted' }, `${count(found.length - MOST_SHOWN)} more: search for them.`),
  )
}

function Row({ zone, view, kind, overlay_of, dynamic, signed, serial, records }: ListedZone): View {
  return h(
    'tr',
    null,
    h('td', null, h('a', { href: href(['zones', view, zone]) }, zone)),
    h('td', null, view),
    h('td', null, h(Kind, { kind, dynamic, signed, ...(overlay_of !== undefined && { overlay_of }) })),
    h('td', { class: 'number' }, serial ?? h(Tag, { tone: 'bad' }, 'not served')),
    h('td', { class: 'number' }, count(records)),
  )
}

/** What kind of zone it is, in words. */
export function Kind(props: Pick<ListedZone, 'kind' | 'overlay_of' | 'dynamic' | 'signed'>): View {
  const { kind, overlay_of: base, dynamic, signed } = props
  const what = base === undefined ? kind : `overlay of ${base}`
  return h(
    'span',
    null,
    h(Tag, null, what),
    dynamic && h(Tag, null, 'dynamic'),
    signed && h(Tag, { tone: 'good' }, 'signed'),
  )
}
