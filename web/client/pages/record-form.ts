import { h } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import type { EditResult, ListedRRset, RecordDiff, RRsetChange } from '../../../cli/replies.ts'
import { call, type Problem, part } from '../api.ts'
import { asProblem, useSettled } from '../load.ts'
import { askedFor, Diff, Failure, Field } from '../parts.ts'
import type { View } from '../view.ts'

/** A change that is not made yet, and the records that its editor has seen there. */
export interface Draft {
  change: RRsetChange
  seen: { content: string }[]
}

/** Sends drafts; a dry run is decided by the very code that writes. Throws Problem. */
export function sendDrafts(view: string, zone: string, drafts: readonly Draft[], dryRun: boolean): Promise<EditResult> {
  return call<EditResult>('POST', `/views/${part(view)}/zones/${part(zone)}/edit`, {
    rrsets: drafts.map(({ change }) => change),
    seen: drafts.map(({ change: { name, type }, seen }) => ({ name, type, records: seen })),
    dry_run: dryRun,
  })
}

const TYPES = [
  'A',
  'AAAA',
  'CNAME',
  'TXT',
  'MX',
  'SRV',
  'NS',
  'CAA',
  'PTR',
  'HTTPS',
  'SVCB',
  'TLSA',
  'SSHFP',
  'NAPTR',
  'DNAME',
  'DS',
  'ALIAS',
  'SOA',
]
const USUAL_TTL = 300

interface Typed {
  name: string
  type: string
  ttl: string
  data: string
}

/** Edits all records of a name and type; the zone is asked what it thinks of them while they are typed. */
export function RecordForm(props: {
  view: string
  zone: string
  /** Left out: they are new. */
  rrset?: ListedRRset
  drafts: readonly Draft[]
  onKeep: (draft: Draft) => void
  onClose: () => void
}): View {
  const { view, zone, rrset, drafts, onKeep, onClose } = props
  const [typed, type] = useState<Typed>(() => ({
    name: rrset?.name ?? '',
    type: rrset?.type ?? 'A',
    ttl: String(rrset?.ttl ?? USUAL_TTL),
    data: rrset?.records.map(({ content }) => content).join('\n') ?? '',
  }))
  const draft = draftOf(typed, zone, rrset)
  const { verdict, problem } = useVerdict(view, zone, drafts, draft)
  const set = (field: keyof Typed) => (event: Event) =>
    type({ ...typed, [field]: (event.currentTarget as HTMLInputElement).value })
  const wrong = { 'aria-invalid': problem !== undefined, 'aria-describedby': 'verdict' }
  const input = (field: 'name' | 'type' | 'ttl', more: object) =>
    h('input', { value: typed[field], onInput: set(field), spellcheck: false, autocomplete: 'off', ...wrong, ...more })
  return h(
    'form',
    {
      class: 'panel editor',
      'aria-label': rrset ? `Edit ${rrset.name} ${rrset.type}` : 'Add records',
      onSubmit: (event: Event) => {
        event.preventDefault()
        if (verdict) onKeep(draft)
      },
      onKeyDown: (event: KeyboardEvent) => event.key === 'Escape' && onClose(),
    },
    h(
      'div',
      { class: 'fields' },
      h(Field, {
        label: 'Name',
        hint: rrset ? '' : draft.change.name,
        children: input('name', { autofocus: !rrset, disabled: rrset !== undefined, class: 'mono' }),
      }),
      h(Field, {
        label: 'Type',
        class: 'short',
        children: input('type', { list: 'types', disabled: rrset !== undefined }),
      }),
      h(Field, { label: 'TTL', class: 'short', children: input('ttl', { inputMode: 'numeric' }) }),
      h(
        'datalist',
        { id: 'types' },
        TYPES.map(name => h('option', { key: name, value: name })),
      ),
      h(Field, {
        label: 'Data',
        hint: 'One record a line; names in full, with their final dot.',
        class: 'data',
        children: h('textarea', {
          value: typed.data,
          onInput: set('data'),
          rows: Math.max(2, typed.data.split('\n').length),
          class: 'mono',
          spellcheck: false,
          autofocus: rrset !== undefined,
          ...wrong,
        }),
      }),
    ),
    h(
      'div',
      { id: 'verdict', 'aria-live': 'polite' },
      h(Failure, { problem }),
      verdict && h(Diff, { label: 'What would change', ...shown(verdict) }),
    ),
    h(
      'div',
      { class: 'buttons' },
      h('button', { type: 'submit', disabled: !verdict }, 'Put on the list'),
      h('button', { type: 'button', class: 'quiet', onClick: onClose }, 'Cancel'),
    ),
  )
}

function shown({ zones }: EditResult): RecordDiff {
  const [{ added, deleted }] = zones as [RecordDiff]
  return { added: askedFor(added), deleted: askedFor(deleted) }
}

/** What the zone thinks of the drafts together with this one. */
function useVerdict(view: string, zone: string, drafts: readonly Draft[], draft: Draft) {
  const [state, set] = useState<{ for?: string; verdict?: EditResult; problem?: Problem }>({})
  const wanted = JSON.stringify(draft)
  const settled = useSettled(wanted)
  const empty = draft.change.records?.length === 0 && draft.seen.length === 0
  useEffect(() => {
    if (empty) return set({})
    let current = true
    const others = drafts.filter(({ change }) => change.name !== draft.change.name || change.type !== draft.change.type)
    sendDrafts(view, zone, [...others, JSON.parse(settled) as Draft], true).then(
      verdict => current && set({ for: settled, verdict }),
      (error: unknown) => current && set({ for: settled, problem: asProblem(error) }),
    )
    return () => {
      current = false
    }
  }, [settled, empty])
  // What was said of something else is nothing to go by.
  return state.for === wanted ? state : { ...(state.problem && { problem: state.problem }) }
}

function draftOf({ name, type, ttl, data }: Typed, zone: string, rrset: ListedRRset | undefined): Draft {
  const lines = data.split('\n').map(line => line.trim())
  return {
    change: {
      name: fullName(name.trim(), zone),
      type: type.trim().toUpperCase(),
      ttl: /^\d{1,10}$/.test(ttl.trim()) ? Number(ttl) : -1,
      changetype: 'REPLACE',
      records: lines.filter(line => line !== '').map(content => ({ content })),
    },
    seen: rrset?.records.map(({ content }) => ({ content })) ?? [],
  }
}

/** As in a master file: "@" is the zone, and what has no final dot is below it. */
function fullName(name: string, zone: string): string {
  if (name === '' || name === '@') return zone
  return name.endsWith('.') ? name : zone === '.' ? `${name}.` : `${name}.${zone}`
}
