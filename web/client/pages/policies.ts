import { h } from 'preact'
import type { IssuePolicies, Requester, ViewPolicy } from '../../../cli/replies.ts'
import { get } from '../api.ts'
import { duration } from '../format.ts'
import { useLoad } from '../load.ts'
import type { PageProps } from '../page-props.ts'
import { Lines, Panel, Table, Title, Waiting } from '../parts.ts'
import type { View } from '../view.ts'

/** Who may do what. Changed in the configuration, and seen here. */
export function PoliciesPage({ session }: PageProps): View {
  const views = useLoad(() => get<ViewPolicy[]>('/views'), [])
  const issuing = useLoad(() => get<IssuePolicies>('/policies'), [])
  return h(
    'div',
    { class: 'page' },
    h(Title, null, 'Policies'),
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
    session.ca &&
      h(
        Panel,
        { title: 'Who may have certificates', wide: true },
        h(Waiting<IssuePolicies>, { of: issuing, children: found => h(Issuing, found) }),
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
          lines([...match.clients, ...match.destinations.map(one => `at ${one}`), ...(match.doh_path ?? [])]),
        ),
        h('td', null, lines(match.keys)),
        h('td', null, lines(recursion)),
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
        h('td', { class: 'mono' }, lines(to)),
        h('td', null, types.join(' ')),
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
          h('td', { class: 'mono' }, lines([...names, ...(wildcards ? ['and wildcards'] : [])])),
          h('td', null, allowed ? allowed.join(', ') : 'all'),
          h(
            'td',
            null,
            lines([
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

function who({ key, from }: Requester): string {
  return [key, from && `from ${from.join(', ')}`].filter(Boolean).join(' ')
}

function lines(texts: readonly string[]): View {
  return h(Lines, { of: texts })
}
