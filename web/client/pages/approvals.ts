import { h } from 'preact'
import { useState } from 'preact/hooks'
import type { Approval } from '../../../cli/replies.ts'
import { call, get, part } from '../api.ts'
import { Question } from '../dialogs.ts'
import { date, time } from '../format.ts'
import { useLoad } from '../load.ts'
import type { PageProps } from '../page-props.ts'
import { Field, Table, Tag, Title, type Tone, Waiting } from '../parts.ts'
import { href } from '../router.ts'
import type { View } from '../view.ts'

const TONES: Record<Approval['status'], Tone> = { waiting: 'warn', approved: 'good', denied: 'bad' }
/** Days that an approval holds unless somebody says otherwise: its certificates are renewed meanwhile. */
const USUAL_DAYS = 365

/** A person's word on names that ask for it. */
export function ApprovalsPage({ session }: PageProps): View {
  const [all, setAll] = useState(false)
  const [decision, decide] = useState<{ on: Approval; deny: boolean }>()
  const approvals = useLoad(() => get<Approval[]>('/ca/approvals', { all }), [all])
  const isAdmin = session.roles.includes('admin')
  const close = () => decide(undefined)
  return h(
    'div',
    { class: 'page' },
    h(
      Title,
      {
        aside: h(
          'label',
          { class: 'check' },
          h('input', {
            type: 'checkbox',
            checked: all,
            onChange: (event: Event) => setAll((event.currentTarget as HTMLInputElement).checked),
          }),
          'decided, too',
        ),
      },
      'Approvals',
    ),
    h(Waiting<Approval[]>, {
      of: approvals,
      children: found =>
        h(List, {
          approvals: found,
          ...(isAdmin && { onDecide: (on: Approval, deny: boolean) => decide({ on, deny }) }),
        }),
    }),
    decision &&
      h(Decision, {
        ...{ ...decision, onClose: close },
        onDone() {
          close()
          approvals.reload()
        },
      }),
  )
}

function List(props: { approvals: Approval[]; onDecide?: (on: Approval, deny: boolean) => void }): View {
  const { approvals, onDecide } = props
  return h(
    Table,
    {
      label: 'Approvals',
      columns: ['Name', 'Asked for', 'Account', 'Because', 'State', ''],
      ...(approvals.length === 0 && { empty: 'No name waits for a person.' }),
    },
    approvals.map(one =>
      h(
        'tr',
        { key: one.id },
        h('td', null, h('a', { href: href(['explain'], { name: one.name.replace(/^\*\./, '') }) }, one.name)),
        h('td', { class: 'nowrap' }, time(one.requested_at)),
        h('td', { class: 'mono' }, one.account),
        h('td', null, one.because),
        h(
          'td',
          null,
          h(Tag, { tone: TONES[one.status] }, one.until ? `${one.status} until ${date(one.until)}` : one.status),
        ),
        h(
          'td',
          { class: 'actions' },
          one.status === 'waiting' &&
            onDecide &&
            [false, true].map(deny =>
              h(
                'button',
                {
                  ...{ key: String(deny), type: 'button', class: 'quiet' },
                  'aria-label': `${deny ? 'Deny' : 'Approve'} ${one.name}`,
                  onClick: () => onDecide(one, deny),
                },
                deny ? 'Deny' : 'Approve',
              ),
            ),
        ),
      ),
    ),
  )
}

function Decision(props: { on: Approval; deny: boolean; onClose: () => void; onDone: () => void }): View {
  const { on, deny, onClose, onDone } = props
  return h(
    Question,
    {
      ...{
        title: `${deny ? 'Deny' : 'Approve'} ${on.name}`,
        yes: deny ? 'Deny' : 'Approve',
        danger: deny,
        onClose,
        onDone,
      },
      act: ({ days }) =>
        call('POST', `/ca/approvals/${part(on.id)}`, { ...(deny && { deny }), ...(days && { days: Number(days) }) }),
    },
    h('p', null, `Account ${on.account} of issuer ${on.issuer} asks for it; ${on.because}.`),
    !deny &&
      h(Field, {
        label: 'Holds for days',
        hint: 'Its certificates are renewed meanwhile.',
        children: h('input', {
          name: 'days',
          type: 'number',
          min: 1,
          max: 36_500,
          required: true,
          defaultValue: USUAL_DAYS,
        }),
      }),
  )
}
