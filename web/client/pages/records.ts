import { h } from 'preact'
import { useState } from 'preact/hooks'
import type { ListedRRset, RRsetPage } from '../../../cli/replies.ts'
import { get, part } from '../api.ts'
import { count } from '../format.ts'
import { useLoad, useSettled } from '../load.ts'
import { Table, Tag, Waiting } from '../parts.ts'
import type { View } from '../view.ts'
import { type Draft, RecordForm } from './record-form.ts'
import { Review } from './review.ts'
import { Kind } from './zones.ts'

const PAGE = 200

/** The records of a zone, and the changes that are being put together; nothing is changed before it was reviewed. */
export function Records({ view, zone, mayWrite }: { view: string; zone: string; mayWrite: boolean }): View {
  const [search, setSearch] = useState('')
  const [after, setAfter] = useState(0)
  const [drafts, setDrafts] = useState<Draft[]>([])
  /** What is being edited: an ListedRRset that is there, or a new one. */
  const [editing, edit] = useState<ListedRRset | 'new'>()
  const settled = useSettled(search)
  const page = useLoad(
    () => get<RRsetPage>(`/views/${part(view)}/zones/${part(zone)}/rrsets`, { search: settled, after, limit: PAGE }),
    [settled, after],
  )
  const editable = mayWrite && page.data?.editable === true
  const keep = (draft: Draft) => {
    setDrafts([...drafts.filter(other => !isSame(other, draft)), draft])
    edit(undefined)
  }
  const done = () => {
    setDrafts([])
    page.reload()
  }
  return h(
    'div',
    { class: 'stack' },
    h(
      'div',
      { class: 'tools' },
      h('input', {
        type: 'search',
        placeholder: 'Search names, types, data',
        'aria-label': 'Search records',
        value: search,
        onInput: (event: Event) => {
          setSearch((event.currentTarget as HTMLInputElement).value)
          setAfter(0)
        },
      }),
      page.data && h(Kind, page.data),
      page.data &&
        h('span', { class: 'muted' }, `serial ${page.data.serial ?? '–'}, ${count(page.data.records)} records`),
      editable && h('button', { type: 'button', onClick: () => edit('new') }, 'Add records'),
    ),
    page.data && mayWrite && !page.data.editable && h('p', { class: 'muted' }, whyFixed(page.data)),
    drafts.length > 0 &&
      h(Review, {
        view,
        zone,
        drafts,
        onDone: done,
        onDrop: draft => setDrafts(drafts.filter(other => other !== draft)),
      }),
    editing !== undefined &&
      h(RecordForm, {
        ...{ key: editing === 'new' ? 'new' : `${editing.name} ${editing.type}`, view, zone, drafts },
        ...(editing !== 'new' && { rrset: editing }),
        onKeep: keep,
        onClose: () => edit(undefined),
      }),
    h(Waiting<RRsetPage>, {
      of: page,
      children: found =>
        h(List, { found, editable, drafts, onEdit: edit, onDelete: (rrset: ListedRRset) => keep(deletion(rrset)) }),
    }),
    page.data && h(Pager, { found: page.data.found, after, onMove: setAfter }),
  )
}

function isSame(a: Draft, b: Draft): boolean {
  return a.change.name === b.change.name && a.change.type === b.change.type
}

function deletion({ name, type, records }: ListedRRset): Draft {
  return { change: { name, type, changetype: 'DELETE' }, seen: records.map(({ content }) => ({ content })) }
}

/** Why nobody changes it here. */
function whyFixed({ kind, overlay_of: base }: RRsetPage): string {
  if (kind === 'secondary') return 'A secondary zone: it is changed at its primary.'
  if (base !== undefined) return `An overlay: it is changed in view ${base}, or in its file.`
  return 'Not dynamic: it is changed in its file, and by a reload.'
}

function List(props: {
  found: RRsetPage
  editable: boolean
  drafts: Draft[]
  onEdit: (rrset: ListedRRset) => void
  onDelete: (rrset: ListedRRset) => void
}): View {
  const { found, editable, drafts, onEdit, onDelete } = props
  return h(
    Table,
    {
      label: 'Records',
      columns: ['Name', 'Type', 'TTL#', 'Data', ...(editable ? [''] : [])],
      ...(found.rrsets.length === 0 && { empty: 'No records match.' }),
    },
    found.rrsets.map(rrset => {
      const draft = drafts.find(({ change }) => change.name === rrset.name && change.type === rrset.type)
      return h(
        'tr',
        { key: `${rrset.name} ${rrset.type}`, class: draft ? 'drafted' : '' },
        h('td', { class: 'mono' }, shortName(rrset.name, found.zone)),
        h('td', null, rrset.type),
        h('td', { class: 'number' }, rrset.ttl),
        h(
          'td',
          { class: 'mono data' },
          rrset.records.map(({ content, holder }) =>
            h('div', { key: content }, content, holder && h('small', { class: 'holder' }, ` ${holder}`)),
          ),
        ),
        editable &&
          h(
            'td',
            { class: 'actions' },
            draft ? h(Tag, { tone: 'warn' }, 'changed below') : h(Actions, { rrset, onEdit, onDelete }),
          ),
      )
    }),
  )
}

function Actions({
  rrset,
  onEdit,
  onDelete,
}: {
  rrset: ListedRRset
  onEdit: (rrset: ListedRRset) => void
  onDelete: (rrset: ListedRRset) => void
}): View {
  const what = `${rrset.name} ${rrset.type}`
  return h(
    'span',
    null,
    h('button', { type: 'button', class: 'quiet', 'aria-label': `Edit ${what}`, onClick: () => onEdit(rrset) }, 'Edit'),
    rrset.type !== 'SOA' &&
      h(
        'button',
        { type: 'button', class: 'quiet', 'aria-label': `Delete ${what}`, onClick: () => onDelete(rrset) },
        'Delete',
      ),
  )
}

/** "@" for the apex, and without the zone's name for what is below. */
function shortName(name: string, zone: string): string {
  if (name === zone) return '@'
  return name.endsWith(`.${zone}`) ? name.slice(0, -zone.length - 1) : name
}

function Pager({
  found,
  after,
  onMove,
}: {
  found: number
  after: number
  onMove: (after: number) => void
}): View | null {
  if (found <= PAGE) return null
  return h(
    'p',
    { class: 'pager' },
    h('button', { type: 'button', disabled: after === 0, onClick: () => onMove(Math.max(0, after - PAGE)) }, 'Back'),
    `${count(after + 1)} to ${count(Math.min(after + PAGE, found))} of ${count(found)}`,
    h('button', { type: 'button', disabled: after + PAGE >= found, onClick: () => onMove(after + PAGE) }, 'On'),
  )
}
