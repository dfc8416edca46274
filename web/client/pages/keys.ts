import { h } from 'preact'
import type { KeyUse, TsigKey } from '../../../cli/replies.ts'
import { get } from '../api.ts'
import { count, distance, time } from '../format.ts'
import { useLoad } from '../load.ts'
import type { PageProps } from '../page-props.ts'
import { Lines, Panel, Table, Tag, Title, Waiting } from '../parts.ts'
import type { View } from '../view.ts'
import { Bindings } from './bindings.ts'
import { Tokens } from './tokens.ts'

/** What opens doors: TSIG keys, tokens of the API, keys that bind ACME accounts. Keys of zones are with the zones. */
export function KeysPage({ session }: PageProps): View {
  const keys = useLoad(() => get<TsigKey[]>('/keys'), [])
  const isAdmin = session.roles.includes('admin')
  return h(
    'div',
    { class: 'page' },
    h(Title, null, 'Keys'),
    h(
      Panel,
      {
        title: 'TSIG keys',
        wide: true,
        aside: h('small', { class: 'muted' }, 'as the daemon saw them since its start'),
      },
      h(Waiting<TsigKey[]>, { of: keys, children: found => h(TsigKeys, { keys: found }) }),
    ),
    isAdmin && h(Tokens, { own: session.id }),
    isAdmin && session.ca && h(Bindings, null),
  )
}

function TsigKeys({ keys }: { keys: TsigKey[] }): View {
  return h(
    Table,
    {
      label: 'TSIG keys',
      columns: ['Key', 'Algorithm', 'For', 'Requests#', 'Last use', 'Old secret', 'Failed'],
      ...(keys.length === 0 && { empty: 'There are none.' }),
    },
    keys.map(key =>
      h(
        'tr',
        { key: key.name },
        h('td', { class: 'mono' }, key.name),
        h('td', null, key.algorithm),
        h('td', null, h(Lines, { of: purposesOf(key) })),
        h('td', { class: 'number' }, count(key.requests)),
        h('td', null, h(Use, { use: key.last_use })),
        h('td', null, h(OldSecret, key)),
        h('td', null, h(Failures, key)),
      ),
    ),
  )
}

function purposesOf({ zones, views }: TsigKey): string[] {
  return [
    ...zones.map(({ view, zone, for: purposes }) => `${purposes.join(', ')}: ${zone} (${view})`),
    ...views.map(view => `leads to view ${view}`),
  ]
}

function Use({ use }: { use: KeyUse | undefined }): View {
  if (!use) return h('span', { class: 'muted' }, 'not yet')
  return h('span', { title: time(use.at) }, distance(use.at), h('small', { class: 'muted' }, ` from ${use.from}`))
}

/** Whether the secret that is being rotated out can go. */
function OldSecret({ secrets, old_secret: { last_use: use } }: TsigKey): View {
  if (secrets === 1) return h('span', { class: 'muted' }, 'none')
  return h(
    'span',
    null,
    h(Tag, { tone: use ? 'warn' : 'good' }, use ? 'still used' : 'not used'),
    use && h(Use, { use }),
  )
}

function Failures({ failures, last_failure: last }: TsigKey): View {
  const errors = Object.entries(failures)
  return h(
    'span',
    null,
    errors.map(([error, times]) => h(Tag, { tone: 'bad', key: error }, `${count(times)} ${error}`)),
    last && h(Use, { use: last }),
  )
}
