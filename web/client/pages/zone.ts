import { h } from 'preact'
import type { PageProps } from '../page-props.ts'
import { Title } from '../parts.ts'
import { href } from '../router.ts'
import type { View } from '../view.ts'
import { History } from './history.ts'
import { Records } from './records.ts'

/** A zone: its records, and how it came to be what it is. */
export function ZonePage({ place, session }: PageProps): View {
  const [, view, zone, tab = 'records'] = place.parts as [string, string, string, string?]
  const mayWrite = session.roles.some(role => role !== 'read')
  const tabs: [string, string][] = [
    ['records', 'Records'],
    ['history', 'History'],
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
    tab === 'history' ? h(History, { view, zone, mayWrite }) : h(Records, { view, zone, mayWrite }),
  )
}
