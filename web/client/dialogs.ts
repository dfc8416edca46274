import { type ComponentChildren, h } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import type { Problem } from './api.ts'
import { asProblem } from './load.ts'
import { Failure } from './parts.ts'
import type { View } from './view.ts'

/** What must be answered before anything else; Escape says no. */
export function Dialog(props: { title: string; children?: ComponentChildren; onClose: () => void }): View {
  const dialog = useRef<HTMLDialogElement>(null)
  useEffect(() => dialog.current?.showModal(), [])
  return h(
    'dialog',
    { ref: dialog, 'aria-label': props.title, onClose: props.onClose },
    h('h2', null, props.title),
    props.children,
  )
}

/** Asks whether something is to be done, and does it; what the server refuses is said here, and can be tried again. */
export function Question<Result>(props: {
  title: string
  children?: ComponentChildren
  /** What the button says that does it. */
  yes: string
  /** There is no way back. */
  danger?: boolean
  /** Not before this is there. */
  ready?: boolean
  act: (fields: Record<string, string>) => Promise<Result>
  onClose: () => void
  onDone: (result: Result) => void
}): View {
  const { title, children, yes, danger = false, ready = true, act, onClose, onDone } = props
  const [problem, setProblem] = useState<Problem>()
  const [busy, setBusy] = useState(false)
  const go = async (event: Event) => {
    event.preventDefault()
    setBusy(true)
    try {
      onDone(await act(fieldsOf(event)))
    } catch (error) {
      setProblem(asProblem(error))
    } finally {
      setBusy(false)
    }
  }
  return h(
    Dialog,
    { title, onClose },
    h(
      'form',
      { class: 'stack', onSubmit: go },
      children,
      h(Failure, { problem }),
      h(
        'div',
        { class: 'buttons' },
        h('button', { type: 'submit', class: danger ? 'danger' : 'primary', disabled: busy || !ready }, yes),
        h('button', { type: 'button', class: 'quiet', onClick: onClose }, 'Cancel'),
      ),
    ),
  )
}

/** Something that is shown this once: whoever closes it has it, or makes another. */
export function ShownOnce(props: {
  title: string
  secrets: readonly (readonly [string, string])[]
  onClose: () => void
}): View {
  const { title, secrets, onClose } = props
  return h(
    Dialog,
    { title, onClose },
    h('p', null, 'It is shown this once, and kept nowhere in the clear.'),
    secrets.map(([name, text]) =>
      h(
        'label',
        { class: 'field', key: name },
        h('span', null, name),
        h('input', {
          class: 'mono',
          readOnly: true,
          value: text,
          onFocus: (event: Event) => (event.currentTarget as HTMLInputElement).select(),
        }),
      ),
    ),
    h('div', { class: 'buttons' }, h('button', { type: 'button', onClick: onClose }, 'I have kept it')),
  )
}

/** The fields of the form that an event is of, by their names, without what is empty. */
export function fieldsOf(event: Event): Record<string, string> {
  const data = [...new FormData(event.currentTarget as HTMLFormElement)]
  return Object.fromEntries(
    data.map(([name, value]) => [name, String(value).trim()]).filter(([, value]) => value !== ''),
  )
}
