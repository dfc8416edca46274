import { h } from 'preact'
import { useState } from 'preact/hooks'
import type { EditResult } from '../../../cli/replies.ts'
import type { Problem } from '../api.ts'
import { asProblem, useLoad } from '../load.ts'
import { askedFor, Diff, Failure, Panel, Waiting } from '../parts.ts'
import type { View } from '../view.ts'
import { type Draft, sendDrafts } from './record-form.ts'

/** What the changes on the list come to, for a last look before they are made, all or none. */
export function Review(props: {
  view: string
  zone: string
  drafts: readonly Draft[]
  onDone: () => void
  onDrop: (draft: Draft) => void
}): View {
  const { view, zone, drafts, onDone, onDrop } = props
  const trial = useLoad(() => sendDrafts(view, zone, drafts, true), [JSON.stringify(drafts)])
  const [problem, setProblem] = useState<Problem>()
  const [busy, setBusy] = useState(false)
  const commit = async () => {
    setBusy(true)
    try {
      await sendDrafts(view, zone, drafts, false)
      onDone()
    } catch (error) {
      setProblem(asProblem(error))
    } finally {
      setBusy(false)
    }
  }
  return h(
    Panel,
    { title: drafts.length === 1 ? 'One change to be made' : `${drafts.length} changes to be made`, wide: true },
    h(
      'ul',
      { class: 'drafts' },
      drafts.map(draft =>
        h(
          'li',
          { key: `${draft.change.name} ${draft.change.type}` },
          h('span', { class: 'mono' }, `${draft.change.name} ${draft.change.type}`),
          h(
            'button',
            {
              type: 'button',
              class: 'quiet',
              'aria-label': `Take ${draft.change.name} ${draft.change.type} off the list`,
              onClick: () => onDrop(draft),
            },
            'Take off',
          ),
        ),
      ),
    ),
    h(Waiting<EditResult>, {
      of: trial,
      children: ({ zones }) =>
        zones.map(({ added, deleted }, i) =>
          h(
            'div',
            { key: i },
            i > 0 && h('p', { class: 'muted' }, 'And in another view, which takes each change too:'),
            h(Diff, { label: 'What would change', added: askedFor(added), deleted: askedFor(deleted) }),
          ),
        ),
    }),
    h(Failure, { problem }),
    h(
      'div',
      { class: 'buttons' },
      h(
        'button',
        { type: 'button', class: 'primary', disabled: busy || !trial.data, onClick: commit },
        'Make the changes',
      ),
    ),
  )
}
