import { h } from 'preact'
import { useState } from 'preact/hooks'
import type { ZoneDnssec, ZoneKey } from '../../../cli/replies.ts'
import { call, get, part } from '../api.ts'
import { Question } from '../dialogs.ts'
import { count, distance, time } from '../format.ts'
import { useLoad } from '../load.ts'
import { Facts, Panel, Table, Tag, type Tone, Waiting } from '../parts.ts'
import type { View } from '../view.ts'

const TONES: Record<NonNullable<ZoneKey['stage']>, Tone> = {
  ...{ generated: 'plain', published: 'warn', ready: 'warn', active: 'good', retired: 'plain', removed: 'plain' },
}

/** The keys of a zone: where they stand, what time does next, and what the parent must have. */
export function Dnssec({ view, zone, isAdmin }: { view: string; zone: string; isAdmin: boolean }): View {
  const path = `/views/${part(view)}/zones/${part(zone)}/dnssec`
  const found = useLoad(() => get<ZoneDnssec>(path), [path])
  const [asking, ask] = useState<'ds-seen' | 'rollover'>()
  const close = () => ask(undefined)
  const onDone = () => {
    close()
    found.reload()
  }
  const common = { onClose: close, onDone, act: () => call('POST', `${path}/${asking}`, {}) }
  return h(
    'div',
    { class: 'stack' },
    h(Waiting<ZoneDnssec>, {
      of: found,
      children: state =>
        state.proofs === 'none' && state.keys.length === 0
          ? h('p', { class: 'muted' }, 'The zone is not signed.')
          : [
              h(Keys, { state, ...(isAdmin && { onRoll: () => ask('rollover') }) }),
              h(Parent, { state, ...(isAdmin && { onSeen: () => ask('ds-seen') }) }),
            ],
    }),
    asking === 'ds-seen' &&
      h(
        Question,
        { title: 'The parent has the DS records', yes: 'It has just these', ...common },
        h(
          'p',
          null,
          'Keys that they do not name are taken away after this. Say it only if the parent serves just these records, from all its servers.',
        ),
      ),
    asking === 'rollover' &&
      h(
        Question,
        { title: 'Roll the keys over', yes: 'Begin', ...common },
        h(
          'p',
          null,
          'New keys are published beside those in use and take their place once nobody can miss them; the parent is asked for by CDS.',
        ),
      ),
  )
}

function Keys({ state, onRoll }: { state: ZoneDnssec; onRoll?: () => void }): View {
  const { keys, proofs, signatures, first_end: first, last_end: last, next_step: next } = state
  const roll =
    onRoll &&
    keys.some(({ role }) => role) &&
    h('button', { type: 'button', class: 'quiet', onClick: onRoll }, 'Roll over')
  return h(
    Panel,
    { title: 'Keys', wide: true, aside: roll },
    h(
      Table,
      { label: 'Keys', columns: ['Key#', 'Algorithm', 'Role', 'State', 'Made', 'What comes next'] },
      keys.map(key =>
        h(
          'tr',
          { key: key.key_tag },
          h('td', { class: 'number' }, key.key_tag),
          h('td', null, key.algorithm),
          h('td', null, key.role?.toUpperCase() ?? (key.flags & 1 ? 'with SEP' : 'without SEP')),
          h('td', null, key.stage ? h(Tag, { tone: TONES[key.stage] }, key.stage) : 'published'),
          h('td', { class: 'nowrap' }, key.created ? time(key.created) : '–'),
          h('td', null, key.next ? `${key.next}${key.next_at ? `: ${time(key.next_at)}` : ''}` : '–'),
        ),
      ),
    ),
    h(Facts, {
      rows: [
        ['Absence is proved by', proofs.toUpperCase()],
        ['Signatures', count(signatures)],
        ...(first && last ? [['They end', `from ${time(first)} (${distance(first)}) to ${time(last)}`] as const] : []),
        ...(next ? [['Next step', `${time(next)} (${distance(next)})`] as const] : []),
      ],
    }),
  )
}

function Parent({ state, onSeen }: { state: ZoneDnssec; onSeen?: () => void }): View {
  const { ds, ds_too_early: early, waiting_for_parent: waiting } = state
  return h(
    Panel,
    {
      ...{ title: 'For the parent zone', wide: true },
      aside: waiting && h(Tag, { tone: 'warn' }, early ? 'not yet' : 'waiting for the parent'),
    },
    ds.length === 0
      ? h('p', { class: 'muted' }, 'Nothing.')
      : h('pre', { class: 'scroll', tabIndex: 0, 'aria-label': 'DS records for the parent' }, ds.join('\n')),
    waiting &&
      h('p', { class: 'muted' }, 'The parent is asked now and then. Where it can not be asked, say here what it has.'),
    waiting && onSeen && h('button', { type: 'button', onClick: onSeen }, 'The parent has just these'),
  )
}
