import type { ResourceRecord } from '../../dns/record.ts'
import { serialAfter } from '../../dns/serial.ts'
import { Type } from '../../dns/types.ts'
import { diffRecords, isEmptyChange, recordKey } from '../change.ts'
import type { Holders, Holding } from '../holders.ts'
import { OWN_TYPES } from '../overlay/selection.ts'
import { withSerial } from '../soa.ts'
import type { JournalEntry } from '../store/store.ts'
import type { Decision, Pipeline } from '../write/pipeline.ts'
import type { ZoneVersion } from '../zone.ts'
import type { Addition } from './additions.ts'
import { recordsOfVersion } from './baseline.ts'

/** A zone as it was, and who held what. */
export interface PastZone {
  records: ResourceRecord[]
  /** The key that held the record then; undefined for the file, and for us. */
  holderOf(record: ResourceRecord): string | undefined
}

/** Journal entries read at once on the way back. */
const STEP = 1000

const keyOf = (record: ResourceRecord) => recordKey(record.owner, record.type, record.rdata)

/** The changes of a zone that are still kept, the newest first, `limit` at most. */
export async function historyOf(pipeline: Pipeline, limit: number): Promise<JournalEntry[]> {
  const { store, zone } = pipeline.options
  const entries = await store.journal(zone, Math.max(0, pipeline.revision - limit), limit)
  return entries.reverse()
}

/** The last of the newest `limit` changes that added the record; undefined where none of them did. */
export async function additionOf(
  pipeline: Pipeline,
  record: ResourceRecord,
  limit: number,
): Promise<Addition | undefined> {
  const known = pipeline.additions.of(record)
  if (known) return known
  const { store, zone } = pipeline.options
  const key = keyOf(record)
  const entries = await store.journal(zone, Math.max(0, pipeline.revision - limit), limit, record.rdata)
  return entries.findLast(({ change }) => change.added.some(added => keyOf(added) === key))
}

/** The zone when it last had this serial (RFC 1982: it may come round); undefined where that is not kept, or never was. */
export async function zoneAt(pipeline: Pipeline, serial: number): Promise<PastZone | undefined> {
  for await (const state of states(pipeline)) if (state.serial === serial) return state.past()
  return undefined
}

/** The zone as it was at a time, milliseconds since 1970, with its serial then; undefined where that is not kept. */
export async function zoneAtTime(
  pipeline: Pipeline,
  time: number,
): Promise<(PastZone & { serial: number }) | undefined> {
  for await (const { since, serial, past } of states(pipeline)) if (since <= time) return { ...past(), serial }
  return undefined
}

/** The zone as it was between two of its changes. */
interface PastState {
  serial: number
  /** When it became so: before everything where no change made it so, after everything where the one that did is not kept. */
  since: number
  /** To be called before the next state is asked for. */
  past(): PastZone
}

/** Every state that is kept, the newest first. */
async function* states(pipeline: Pipeline): AsyncGenerator<PastState> {
  const { revision, image, holders } = pipeline
  const version = image.latest()
  const records = new Map(recordsOfVersion(version).map(record => [keyOf(record), record]))
  const before = new Map<string, string | undefined>()
  const past = () => ({
    records: [...records.values()],
    holderOf: (record: ResourceRecord) => (before.has(keyOf(record)) ? before.get(keyOf(record)) : holders.of(record)),
  })
  let [serial, left] = [version.serial(), revision]
  for await (const { change, released, serialBefore, at, revision: made } of backwards(pipeline, revision)) {
    yield { serial, since: at, past }
    for (const record of change.added) records.delete(keyOf(record))
    for (const [i, record] of change.deleted.entries()) {
      records.set(keyOf(record), record)
      before.set(keyOf(record), released?.[i])
    }
    serial = serialBefore
    left = made - 1
  }
  yield { serial, since: left === 0 ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY, past }
}

async function* backwards({ options }: Pipeline, newest: number): AsyncGenerator<JournalEntry> {
  const { store, zone } = options
  for (let to = newest; to > 0; to -= STEP) {
    const from = Math.max(0, to - STEP)
    const entries = await store.journal(zone, from, to - from)
    yield* entries.reverse()
    // What is older was dropped.
    if (entries.length < to - from) return
  }
}

/** What makes a zone again what it was, with a new serial. Signatures are made anew; records go back to who held them. */
export function revertTo(past: PastZone, tip: ZoneVersion, holders: Holders): Decision {
  const made = ({ type }: ResourceRecord) => OWN_TYPES.has(type)
  const now = recordsOfVersion(tip).filter(record => !made(record))
  const then = past.records.filter(record => !made(record))
  const numbered = (serial: number) =>
    then.map(record => (record.type === Type.SOA ? { ...record, rdata: withSerial(record.rdata, serial) } : record))
  if (isEmptyChange(diffRecords(now, numbered(tip.serial())))) return { change: { deleted: [], added: [] } }
  const change = diffRecords(now, numbered(serialAfter(tip.serial())))
  const before = new Set(now.map(keyOf))
  const holdings: Holding[] = change.added
    .filter(({ type }) => type !== Type.SOA)
    .map(record => ({ record, holder: past.holderOf(record) }))
    .filter(({ record, holder }) => !before.has(keyOf(record)) || holders.of(record) !== holder)
  return { change, holdings }
}
