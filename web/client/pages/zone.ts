import { h } from 'preact'
import type { PageProps } from '../page-props.ts'
import { Title } from '../parts.ts'
import { href } from '../router.ts'
import type { View } from '../view.ts'
import { Dnssec } from './dnssec.ts'
import { History } from './history.ts'
import { Records } from './records.ts'

/** A zone: its records, how it came to be what it is, and its keys. */
export function ZonePage({ place, session }: PageProps): View {
  const [, view, zone, tab = 'records'] = place.parts as [string, string, string, string?]
  const isAdmin = session.roles.includes('admin')
  const mayWrite = session.roles.some(role => role !== 'read')
  const tabs: [string, string][] = [
    ['records', 'Records'],
    ['history', 'History'],
    ['dnssec', 'DNSSEC'],
  ]
  return h(
    'div',
    { class: 'page' },
    h(
      Title,
      {
        aside: h(
          'nav',
          { 'aria-label': 'Of this zone', class: 'tabs' },
          tabs.map(([name, title]) =>
            h(
              'a',
              {
                key: name,
                href: href(['zones', view, zone, ...(name === 'records' ? [] : [name])]),
                'aria-current': name === tab ? 'page' : undefined,
              },
              title,
            ),
          ),
          h('a', { href: href(['compare'], { name: zone, one: view }) }, 'Side by side'),
        ),
      },
      h('span', { class: 'mono' }, zone),
      h('small', null, `view ${view}`),
    ),
    tab === 'history'
      ? h(History, { view, zone, mayWrite })
      : tab === 'dnssec'
        ? h(Dnssec, { view, zone, isAdmin })
        : h(Records, { view, zone, mayWrite }),
  )
}
