import { h } from 'preact'
import { useState } from 'preact/hooks'
import type { RecordDiff, ZoneChange } from '../../../cli/replies.ts'
import { call, get, part } from '../api.ts'
import { Question } from '../dialogs.ts'
import { distance, time } from '../format.ts'
import { useLoad } from '../load.ts'
import { askedFor, Diff, Waiting } from '../parts.ts'
import type { View } from '../view.ts'

const LISTED = 100

/** Who changed what, and the way back. */
export function History({ view, zone, mayWrite }: { view: string; zone: string; mayWrite: boolean }): View {
  const path = `/views/${part(view)}/zones/${part(zone)}`
  const history = useLoad(() => get<ZoneChange[]>(`${path}/history`, { limit: LISTED }), [])
  const [target, setTarget] = useState<number>()
  return h(
    'div',
    { class: 'stack' },
    h(Waiting<ZoneChange[]>, {
      of: history,
      children: changes =>
        changes.length === 0
          ? h('p', { class: 'muted' }, 'Nothing has changed since what is kept begins.')
          : h(
              'ol',
              { class: 'history' },
              changes.map((change, i) =>
                h(Entry, {
                  key: change.serial,
                  change,
                  ...(mayWrite && i > 0 && { onRevert: () => setTarget(change.serial) }),
                }),
              ),
              mayWrite &&
                h(
                  'li',
                  { class: 'first' },
                  h('span', { class: 'serial' }, changes.at(-1)!.serial_before),
                  h(RevertButton, {
                    serial: changes.at(-1)!.serial_before,
                    onRevert: () => setTarget(changes.at(-1)!.serial_before),
                  }),
                ),
            ),
    }),
    target !== undefined &&
      h(Revert, {
        path,
        to: target,
        onClose: () => setTarget(undefined),
        onDone: () => {
          setTarget(undefined)
          history.reload()
        },
      }),
  )
}

function Entry({ change, onRevert }: { change: ZoneChange; onRevert?: () => void }): View {
  const { serial, at, key, source } = change
  const [added, deleted] = [askedFor(change.added), askedFor(change.deleted)]
  return h(
    'li',
    null,
    h(
      'details',
      null,
      h(
        'summary',
        null,
        h('span', { class: 'serial' }, serial),
        h('time', { dateTime: at, title: time(at) }, distance(at)),
        h('span', { class: 'by' }, key === undefined ? source : `${key} from ${source}`),
        h(
          'span',
          { class: 'counts' },
          h('b', { class: 'come' }, `+${added.length}`),
          ' ',
          h('b', { class: 'gone' }, `−${deleted.length}`),
        ),
      ),
      h(Diff, { label: `Changed with serial ${serial}`, added, deleted }),
    ),
    onRevert && h(RevertButton, { serial, onRevert }),
  )
}

function RevertButton({ serial, onRevert }: { serial: number; onRevert: () => void }): View {
  return h(
    'button',
    { type: 'button', class: 'quiet', 'aria-label': `Go back to serial ${serial}`, onClick: onRevert },
    'Go back to this',
  )
}

interface RevertReply {
  serial: number
  change?: RecordDiff
}

/** Shows what going back would change, and does it where that is wanted. */
function Revert(props: { path: string; to: number; onClose: () => void; onDone: () => void }): View {
  const { path, to, onClose, onDone } = props
  const revert = (dryRun: boolean) => call<RevertReply>('POST', `${path}/revert`, { to, dry_run: dryRun })
  const trial = useLoad(() => revert(true), [to])
  return h(
    Question<RevertReply>,
    {
      title: `Back to serial ${to}`,
      yes: 'Go back',
      ready: trial.data !== undefined,
      act: () => revert(false),
      onClose,
      onDone,
    },
    h(Waiting<RevertReply>, {
      of: trial,
      children: ({ change }) =>
        h(Diff, {
          label: 'What would change',
          added: askedFor(change?.added ?? []),
          deleted: askedFor(change?.deleted ?? []),
        }),
    }),
  )
}
