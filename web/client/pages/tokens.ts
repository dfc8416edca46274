import { h } from 'preact'
import { useState } from 'preact/hooks'
import type { ApiToken } from '../../../cli/replies.ts'
import { call, get, part } from '../api.ts'
import { Question, ShownOnce } from '../dialogs.ts'
import { date } from '../format.ts'
import { useLoad } from '../load.ts'
import { Field, Lines, Panel, Table, Waiting } from '../parts.ts'
import type { View } from '../view.ts'

type Made = ApiToken & { token: string }

/** Tokens of the API: made, shown once, revoked. `own` is the id of the one that is signed in. */
export function Tokens({ own }: { own: string }): View {
  const tokens = useLoad(() => get<ApiToken[]>('/tokens'), [])
  const [asking, ask] = useState<'make' | ApiToken>()
  const [made, show] = useState<Made>()
  const close = () => ask(undefined)
  const done = () => {
    close()
    tokens.reload()
  }
  return h(
    Panel,
    {
      title: 'API tokens',
      wide: true,
      aside: h('button', { type: 'button', onClick: () => ask('make') }, 'Make a token'),
    },
    h(Waiting<ApiToken[]>, { of: tokens, children: found => h(List, { tokens: found, own, onRevoke: ask }) }),
    asking === 'make' &&
      h(NewToken, {
        onClose: close,
        onDone(token) {
          done()
          show(token)
        },
      }),
    made &&
      h(ShownOnce, {
        ...{ title: `The token ${made.name}`, secrets: [['Token', made.token]] },
        onClose: () => show(undefined),
      }),
    typeof asking === 'object' &&
      h(
        Question,
        {
          ...{ title: `Revoke the token ${asking.name}`, yes: 'Revoke', danger: true, onClose: close, onDone: done },
          act: () => call('DELETE', `/tokens/${part(asking.id)}`),
        },
        h('p', null, 'Its next request is refused, and sessions that were opened with it end. There is no way back.'),
      ),
  )
}

function List(props: { tokens: ApiToken[]; own: string; onRevoke: (token: ApiToken) => void }): View {
  const { tokens, own, onRevoke } = props
  return h(
    Table,
    { label: 'API tokens', columns: ['Token', 'Roles', 'Zones', 'Views', 'From', 'Made', 'Ends', ''] },
    tokens.map(one =>
      h(
        'tr',
        { key: one.id },
        h('td', null, one.name, one.id === own && h('small', { class: 'muted' }, ' (yours)')),
        h('td', null, one.roles.join(', ')),
        h('td', { class: 'mono' }, h(Lines, { of: one.zones })),
        h('td', null, one.views ? one.views.join(', ') : 'all'),
        h('td', null, one.from ? h(Lines, { of: one.from }) : 'anywhere'),
        h('td', { class: 'nowrap' }, date(one.created_at)),
        h('td', { class: 'nowrap' }, one.expires_at ? date(one.expires_at) : 'never'),
        h(
          'td',
          { class: 'actions' },
          h(
            'button',
            { type: 'button', class: 'quiet', 'aria-label': `Revoke ${one.name}`, onClick: () => onRevoke(one) },
            'Revoke',
          ),
        ),
      ),
    ),
  )
}

const ROLES = ['read', 'write', 'admin']

function NewToken({ onClose, onDone }: { onClose: () => void; onDone: (token: Made) => void }): View {
  const input = (name: string, more: object = {}) =>
    h('input', { name, autocomplete: 'off', spellcheck: false, ...more })
  return h(
    Question<Made>,
    {
      ...{ title: 'Make a token', yes: 'Make it', onClose, onDone },
      act: ({ name, zones = '', role = 'read', views, from, expires }) =>
        call<Made>('POST', '/tokens', {
          ...{ zones: listOf(zones), roles: [role] },
          ...(name && { name }),
          ...(views && { views: listOf(views) }),
          ...(from && { from: listOf(from) }),
          ...(expires && { expires }),
        }),
    },
    h(Field, { label: 'Name', hint: 'Its holder, for history and log.', children: input('name', { autofocus: true }) }),
    h(Field, {
      label: 'Zones',
      hint: 'Patterns with commas; ** is everything.',
      children: input('zones', { required: true, class: 'mono', placeholder: 'internal.example.com' }),
    }),
    h(Field, {
      label: 'Role',
      children: h(
        'select',
        { name: 'role' },
        ROLES.map(role => h('option', { key: role, value: role }, role)),
      ),
    }),
    h(Field, { label: 'Views', hint: 'Left out: all.', children: input('views') }),
    h(Field, {
      label: 'From',
      hint: 'Addresses and networks; left out: anywhere.',
      children: input('from', { class: 'mono' }),
    }),
    h(Field, { label: 'Ends after', hint: '12h, 90d; left out: never.', children: input('expires') }),
  )
}

function listOf(text: string): string[] {
  return text.split(/[\s,]+/).filter(Boolean)
}
