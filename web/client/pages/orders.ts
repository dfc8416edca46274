import { h } from 'preact'
import { useState } from 'preact/hooks'
import type { Order, RecordEntry } from '../../../cli/replies.ts'
import { get } from '../api.ts'
import { time } from '../format.ts'
import { useLoad } from '../load.ts'
import type { PageProps } from '../page-props.ts'
import { Panel, Table, Tag, Title, type Tone, Waiting } from '../parts.ts'
import { href } from '../router.ts'
import type { View } from '../view.ts'

const TONES: Record<string, Tone> = {
  valid: 'good',
  invalid: 'bad',
  pending: 'warn',
  processing: 'warn',
  ready: 'warn',
}

/** Orders: which failed, and why. */
export function OrdersPage({ session }: PageProps): View {
  const [failed, setFailed] = useState(false)
  const orders = useLoad(() => get<Order[]>('/ca/orders', { failed }), [failed])
  const refusals = useLoad(() => (session.everything ? get<RecordEntry[]>('/ca/refusals') : Promise.resolve([])), [])
  return h(
    'div',
    { class: 'page' },
    h(Title, null, 'Orders'),
    h(
      Panel,
      {
        title: 'Last orders',
        wide: true,
        aside: h(
          'label',
          { class: 'check' },
          h('input', {
            type: 'checkbox',
            checked: failed,
            onChange: (event: Event) => setFailed((event.currentTarget as HTMLInputElement).checked),
          }),
          'those that failed alone',
        ),
      },
      h(Waiting<Order[]>, { of: orders, children: found => h(Orders, { orders: found }) }),
    ),
    session.everything &&
      h(
        Panel,
        { title: 'Refused before they were taken', wide: true },
        h(Waiting<RecordEntry[]>, { of: refusals, children: found => h(Refusals, { refusals: found }) }),
      ),
  )
}

/** A table of orders. */
export function Orders({ orders }: { orders: Order[] }): View {
  return h(
    Table,
    {
      label: 'Orders',
      columns: ['Names', 'When', 'Status', 'Why', ''],
      ...(orders.length === 0 && { empty: 'No orders.' }),
    },
    orders.map(({ id, names, created, status, problem, account }) =>
      h(
        'tr',
        { key: id },
        h('td', { title: `order ${id} of account ${account}` }, names.join(', ')),
        h('td', { class: 'nowrap' }, time(created)),
        h('td', null, h(Tag, { tone: TONES[status] ?? 'plain' }, status)),
        h('td', { class: 'wrap' }, problem ?? ''),
        h('td', null, h(ExplainLink, { name: names[0] ?? '' })),
      ),
    ),
  )
}

interface RefusedName {
  value: string
  because: string
}

function Refusals({ refusals }: { refusals: RecordEntry[] }): View {
  return h(
    Table,
    {
      label: 'Refused orders',
      columns: ['Name', 'When', 'Why', 'Account', ''],
      ...(refusals.length === 0 && { empty: 'None was.' }),
    },
    refusals.flatMap(({ at, names, account }) =>
      ((names ?? []) as RefusedName[]).map(({ value, because }) =>
        h(
          'tr',
          { key: at + value },
          h('td', null, value),
          h('td', { class: 'nowrap' }, time(at)),
          h('td', { class: 'wrap' }, because),
          h('td', { class: 'mono' }, String(account ?? '')),
          h('td', null, h(ExplainLink, { name: value })),
        ),
      ),
    ),
  )
}

function ExplainLink({ name }: { name: string }): View {
  return h(
    'a',
    { href: href(['explain'], { name: name.replace(/^\*\./, '') }), 'aria-label': `Explain ${name}` },
    'Explain',
  )
}
