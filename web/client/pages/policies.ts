import { h } from 'preact'
import { get } from '../api.ts'
import { date, duration } from '../format.ts'
import { useLoad } from '../load.ts'
import type { PageProps } from '../page-props.ts'
import { Panel, Table, Title, Waiting } from '../parts.ts'
import type { IssuePolicies, Token, TsigKey, ViewPolicy, Who } from '../types.ts'
import type { View } from '../view.ts'

/** Who may do what. Changed in the configuration, and seen here. */
export function PoliciesPage({ session }: PageProps): View {
  const isAdmin = session.roles.includes('admin')
  const views = useLoad(() => get<ViewPolicy[]>('/views'), [])
  const keys = useLoad(() => get<TsigKey[]>('/keys'), [])
  const issuing = useLoad(() => get<IssuePolicies>('/policies'), [])
  const tokens = useLoad(() => (isAdmin ? get<Token[]>('/tokens') : Promise.resolve([])), [])
  return h(
    'div',
    { class: 'page' },
    h(Title, null, 'Keys and policies'),
    h(
      Panel,
      { title: 'Views', wide: true },
      h(Waiting<ViewPolicy[]>, { of: views, children: found => h(Views, { views: found }) }),
    ),
    h(
      Panel,
      { title: 'Who may change and transfer zones', wide: true },
      h(Waiting<ViewPolicy[]>, { of: views, children: found => h(Rules, { views: found }) }),
    ),
    h(
      Panel,
      { title: 'TSIG keys', wide: true },
      h(Waiting<TsigKey[]>, { of: keys, children: found => h(Keys, { keys: found }) }),
    ),
    session.ca &&
      h(
        Panel,
        { title: 'Who may have certificates', wide: true },
        h(Waiting<IssuePolicies>, { of: issuing, children: found => h(Issuing, found) }),
      ),
    isAdmin &&
      h(
        Panel,
        { title: 'API tokens', wide: true },
        h(Waiting<Token[]>, { of: tokens, children: found => h(Tokens, { tokens: found }) }),
      ),
  )
}

function Views({ views }: { views: ViewPolicy[] }): View {
  return h(
    Table,
    { label: 'Views', columns: ['View', 'For clients', 'For keys', 'Recursion for', 'Forwards'] },
    views.map(({ name, match, recursion, forward }) =>
      h(
        'tr',
        { key: name },
        h('td', null, name),
        h(
          'td',
          null,
          listed([...match.clients, ...match.destinations.map(one => `at ${one}`), ...(match.doh_path ?? [])]),
        ),
        h('td', null, listed(match.keys)),
        h('td', null, listed(recursion)),
        h(
          'td',
          null,
          forward.map(({ zone, to, dnssec }) =>
            h(
              'div',
              { key: zone },
              h('span', { class: 'mono' }, zone),
              ` to ${to.join(', ')}${dnssec === 'validate' ? ', validated' : ''}`,
            ),
          ),
        ),
      ),
    ),
  )
}

function Rules({ views }: { views: ViewPolicy[] }): View {
  const rows = views.flatMap(({ name: view, zones }) =>
    zones.flatMap(({ zone, update, transfer }) => [
      ...update.map((rule, i) => ({
        view,
        zone,
        what: `update, rule ${i + 1}`,
        rule,
        to: [...rule.names, ...(rule.own ? ['what it added alone'] : [])],
        types: rule.types,
      })),
      ...transfer.map(rule => ({ view, zone, what: 'transfer', rule, to: [], types: [] })),
    ]),
  )
  return h(
    Table,
    {
      label: 'Rules',
      columns: ['Zone', 'View', 'May', 'Who', 'Names', 'Types'],
      ...(rows.length === 0 && { empty: 'Nobody may.' }),
    },
    rows.map(({ view, zone, what, rule, to, types }, i) =>
      h(
        'tr',
        { key: i },
        h('td', { class: 'mono' }, zone),
        h('td', null, view),
        h('td', { class: 'nowrap' }, what),
        h('td', null, who(rule)),
        h('td', { class: 'mono' }, listed(to)),
        h('td', null, types.join(' ')),
      ),
    ),
  )
}

function Keys({ keys }: { keys: TsigKey[] }): View {
  return h(
    Table,
    {
      label: 'TSIG keys',
      columns: ['Key', 'Algorithm', 'Secrets#', 'Zones that name it'],
      ...(keys.length === 0 && { empty: 'There are none.' }),
    },
    keys.map(({ name, algorithm, secrets, used_by: zones }) =>
      h(
        'tr',
        { key: name },
        h('td', { class: 'mono' }, name),
        h('td', null, algorithm),
        h('td', { class: 'number' }, secrets),
        h('td', null, listed(zones.map(({ view, zone }) => `${zone} (${view})`))),
      ),
    ),
  )
}

function Issuing({ issue, profiles }: IssuePolicies): View {
  return h(
    'div',
    { class: 'stack' },
    h(
      Table,
      {
        label: 'Issue rules',
        columns: ['Rule#', 'Names', 'Profiles', 'For'],
        ...(issue.length === 0 && { empty: 'No rule: nobody gets a certificate by ACME.' }),
      },
      issue.map(({ names, wildcards, profiles: allowed, account, writers, approval }, i) =>
        h(
          'tr',
          { key: i },
          h('td', { class: 'number' }, i + 1),
          h('td', { class: 'mono' }, listed([...names, ...(wildcards ? ['and wildcards'] : [])])),
          h('td', null, allowed ? allowed.join(', ') : 'all'),
          h(
            'td',
            null,
            listed([
              account ?? 'any account',
              ...(writers ? ['who may write the name in DNS'] : []),
              ...(approval ? ['once a person approved'] : []),
            ]),
          ),
        ),
      ),
    ),
    h(
      Table,
      { label: 'Profiles', columns: ['Profile', 'Valid for', 'Keys'] },
      profiles.map(({ name, validity, keys }) =>
        h('tr', { key: name }, h('td', null, name), h('td', null, duration(validity)), h('td', null, keys.join(', '))),
      ),
    ),
  )
}

function Tokens({ tokens }: { tokens: Token[] }): View {
  return h(
    Table,
    { label: 'API tokens', columns: ['Token', 'Roles', 'Zones', 'Views', 'From', 'Made', 'Ends'] },
    tokens.map(one =>
      h(
        'tr',
        { key: one.id },
        h('td', null, one.name),
        h('td', null, one.roles.join(', ')),
        h('td', { class: 'mono' }, listed(one.zones)),
        h('td', null, one.views ? one.views.join(', ') : 'all'),
        h('td', null, one.from ? listed(one.from) : 'anywhere'),
        h('td', { class: 'nowrap' }, date(one.created_at)),
        h('td', { class: 'nowrap' }, one.expires_at ? date(one.expires_at) : 'never'),
      ),
    ),
  )
}

function listed(texts: readonly string[]): View[] | string {
  return texts.length === 0 ? '–' : texts.map(text => h('div', { key: text }, text))
}

function who({ key, from }: Who): string {
  return [key, from && `from ${from.join(', ')}`].filter(Boolean).join(' ')
}
