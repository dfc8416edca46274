import { type ComponentChildren, h } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import type { Problem } from './api.ts'
import type { Loaded } from './load.ts'
import type { View } from './view.ts'

/** The pieces that pages are made of. */

export function Panel(props: {
  title: string
  aside?: ComponentChildren
  children?: ComponentChildren
  wide?: boolean
}): View {
  const { title, aside, children, wide } = props
  return h(
    'section',
    { class: wide ? 'panel wide' : 'panel' },
    h('header', null, h('h2', null, title), aside),
    children,
  )
}

/** A heading that says where one is; it has the focus after a move, so that readers of screens and keyboards begin there. */
export function Title(props: { children?: ComponentChildren; aside?: ComponentChildren }): View {
  const heading = useRef<HTMLHeadingElement>(null)
  useEffect(() => heading.current?.focus(), [])
  return h(
    'div',
    { class: 'title' },
    h('h1', { tabIndex: -1, ref: heading }, props.children),
    props.aside !== undefined && h('div', { class: 'aside' }, props.aside),
  )
}

export type Tone = 'good' | 'warn' | 'bad' | 'plain'

export function Tag(props: { tone?: Tone; children?: ComponentChildren }): View {
  return h('span', { class: `tag ${props.tone ?? 'plain'}` }, props.children)
}

/** Why something failed, in the server's words. */
export function Failure(props: { problem: Problem | undefined; id?: string | undefined }): View {
  const { problem, id } = props
  return h('div', { role: 'alert', id, class: problem ? 'failure' : 'none' }, problem?.message)
}

/** What was asked for, once it is there. */
export function Waiting<Data>(props: { of: Loaded<Data>; children: (data: Data) => ComponentChildren }): View {
  const { data, problem } = props.of
  if (problem) return h(Failure, { problem })
  return data === undefined
    ? h('p', { class: 'muted' }, 'One moment …')
    : h('div', { class: 'stack' }, props.children(data))
}

/** A table in a box of its own, which scrolls where the table is wider. Columns whose name ends in "#" hold numbers. */
export function Table(props: { label: string; columns: string[]; children?: ComponentChildren; empty?: string }): View {
  const { label, columns, children, empty } = props
  if (empty !== undefined) return h('p', { class: 'muted' }, empty)
  const heads = columns.map(column =>
    column === ''
      ? h('td', null)
      : h('th', { scope: 'col', class: column.endsWith('#') ? 'number' : '' }, column.replace('#', '')),
  )
  return h(
    'div',
    { class: 'scroll', tabIndex: 0, role: 'region', 'aria-label': label },
    h('table', null, h('thead', null, h('tr', null, heads)), h('tbody', null, children)),
  )
}

/** Records that come and go. */
export function Diff(props: { added: readonly string[]; deleted: readonly string[]; label: string }): View {
  const lines = [
    ...props.deleted.map(text => ({ sign: '−', class: 'gone', text })),
    ...props.added.map(text => ({ sign: '+', class: 'come', text })),
  ]
  if (lines.length === 0) return h('p', { class: 'muted' }, 'Nothing changes.')
  return h(
    'ul',
    { class: 'diff scroll', tabIndex: 0, 'aria-label': props.label },
    lines.map(line =>
      h('li', { class: line.class, key: line.sign + line.text }, h('span', { class: 'sign' }, line.sign), line.text),
    ),
  )
}

/** The records of a diff that somebody asked for: without the SOA, whose serial rises with every change, and what signing makes. */
export function askedFor(records: readonly string[]): string[] {
  return records.filter(record => !/^\S+\s+\d+\s+IN\s+(SOA|RRSIG|NSEC|NSEC3|NSEC3PARAM)\s/.test(record))
}

/** A labelled field. */
export function Field(props: { label: string; hint?: string; children?: ComponentChildren; class?: string }): View {
  return h(
    'label',
    { class: `field ${props.class ?? ''}` },
    h('span', null, props.label),
    props.children,
    props.hint && h('small', null, props.hint),
  )
}

/** Things and what they are, a line each. */
export function Facts(props: { rows: readonly (readonly [string, ComponentChildren])[]; small?: boolean }): View {
  return h(
    'dl',
    { class: props.small ? 'facts small' : 'facts' },
    props.rows.flatMap(([name, value]) => [
      h('dt', { key: name }, name),
      h('dd', { key: `${name} is`, class: 'wrap' }, value),
    ]),
  )
}

/** Texts one below the other; "–" where there are none. */
export function Lines({ of: texts }: { of: readonly string[] }): View {
  return h('div', null, texts.length === 0 ? '–' : texts.map(text => h('div', { key: text }, text)))
}
