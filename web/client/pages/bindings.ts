import { h } from 'preact'
import { useState } from 'preact/hooks'
import type { AccountBinding, Replies } from '../../../cli/replies.ts'
import { call, get, part } from '../api.ts'
import { Question, ShownOnce } from '../dialogs.ts'
import { date } from '../format.ts'
import { useLoad } from '../load.ts'
import { Field, Panel, Table, Tag, Waiting } from '../parts.ts'
import type { View } from '../view.ts'

type Made = Replies['ca.eab.create']

/** Keys that bind ACME accounts to their holders (RFC 8555 §7.3.4). */
export function Bindings(): View {
  const bindings = useLoad(() => get<AccountBinding[]>('/ca/bindings'), [])
  const [asking, ask] = useState<'make' | AccountBinding>()
  const [made, show] = useState<Made>()
  const close = () => ask(undefined)
  const done = () => {
    close()
    bindings.reload()
  }
  return h(
    Panel,
    {
      ...{ title: 'Keys for ACME accounts (EAB)', wide: true },
      aside: h('button', { type: 'button', onClick: () => ask('make') }, 'Make a binding key'),
    },
    h(Waiting<AccountBinding[]>, { of: bindings, children: found => h(List, { bindings: found, onRevoke: ask }) }),
    asking === 'make' &&
      h(
        Question<Made>,
        {
          ...{ title: 'Make a binding key', yes: 'Make it', onClose: close },
          act: ({ name }) => call<Made>('POST', '/ca/bindings', { name }),
          onDone(key) {
            done()
            show(key)
          },
        },
        h(Field, {
          label: 'Holder',
          hint: 'For issue rules and the log.',
          children: h('input', { name: 'name', required: true, autofocus: true, autocomplete: 'off' }),
        }),
      ),
    made &&
      h(ShownOnce, {
        title: `The binding key of ${made.name}`,
        secrets: [
          ['Key id', made.kid],
          ['HMAC key', made.hmac_key],
        ],
        onClose: () => show(undefined),
      }),
    typeof asking === 'object' &&
      h(
        Question,
        {
          ...{ title: `Revoke the key of ${asking.name}`, yes: 'Revoke', danger: true, onClose: close, onDone: done },
          act: () => call('DELETE', `/ca/bindings/${part(asking.kid)}`),
        },
        h('p', null, 'Accounts that it bound may order nothing any more. There is no way back.'),
      ),
  )
}

function List(props: { bindings: AccountBinding[]; onRevoke: (binding: AccountBinding) => void }): View {
  const { bindings, onRevoke } = props
  return h(
    Table,
    {
      label: 'Keys for ACME accounts',
      columns: ['Holder', 'Key id', 'Made', 'State', ''],
      ...(bindings.length === 0 && { empty: 'There are none.' }),
    },
    bindings.map(one =>
      h(
        'tr',
        { key: one.kid },
        h('td', null, one.name),
        h('td', { class: 'mono' }, one.kid),
        h('td', { class: 'nowrap' }, date(one.created_at)),
        h(
          'td',
          null,
          one.revoked_at
            ? h(Tag, { tone: 'bad' }, `revoked ${date(one.revoked_at)}`)
            : h(Tag, { tone: 'good' }, 'holds'),
        ),
        h(
          'td',
          { class: 'actions' },
          !one.revoked_at &&
            h(
              'button',
              {
                type: 'button',
                class: 'quiet',
                'aria-label': `Revoke the key of ${one.name}`,
                onClick: () => onRevoke(one),
              },
              'Revoke',
            ),
        ),
      ),
    ),
  )
}
