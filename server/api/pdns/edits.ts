import type { Static } from 'typebox'
import { TextError } from '../../../dns/errors.ts'
import { type Name, parseName, ROOT } from '../../../dns/name.ts'
import { equalOctets } from '../../../dns/record.ts'
import { parseRdataText, typeCode, typeName } from '../../../dns/types.ts'
import { keyText } from '../../../zones/holders.ts'
import type { RRsetEdit } from '../../../zones/update/edit.ts'
import { nameOf } from '../context.ts'
import type { RRsetComments } from '../note-store.ts'
import { ApiError } from '../problem.ts'
import type { RRset, RRsetChange } from './schemas.ts'

type Change = Static<typeof RRsetChange>

const KINDS = { REPLACE: 'replace', DELETE: 'delete', EXTEND: 'extend', PRUNE: 'prune' } as const

/** The edits that the changes of a PATCH ask for. 422 for what can't be read, with a pointer to it. */
export function editsOf(changes: readonly Change[]): RRsetEdit[] {
  const named = new Set<string>()
  return changes.flatMap((change, index) => {
    const pointer = `/rrsets/${index}`
    const [owner, type] = [nameOf(change.name, 'name', `${pointer}/name`), typeOf(change.type, `${pointer}/type`)]
    const key = `${keyText(owner)}/${type}/${change.changetype}`
    if (named.has(key)) throw new ApiError(422, `${change.name} ${change.type} is named twice`, pointer)
    named.add(key)
    // RRsets that are named for their comments alone.
    if (change.records === undefined && change.comments !== undefined && change.changetype === 'REPLACE') return []
    return [editOf(change, owner, type, pointer)]
  })
}

function editOf(change: Change, owner: Name, type: number, pointer: string): RRsetEdit {
  const { changetype, records, ttl } = change
  if (changetype === 'DELETE') return { kind: 'delete', owner, type, ttl: 0, rdatas: [] }
  if (!records)
    throw new ApiError(422, `${change.name} ${change.type}: ${changetype} needs records`, `${pointer}/records`)
  if (ttl === undefined && changetype !== 'PRUNE' && records.length > 0)
    throw new ApiError(422, `${change.name} ${change.type}: ${changetype} needs a ttl`, `${pointer}/ttl`)
  // As PowerDNS has it: replaced by nothing is deleted.
  const kind = changetype === 'REPLACE' && records.length === 0 ? 'delete' : KINDS[changetype]
  const rdatas = records.map((record, i) => rdataOf(type, record, `${pointer}/records/${i}`))
  return { kind, owner, type, ttl: ttl ?? 0, rdatas }
}

/** The edits that fill a new zone. */
export function fillingEdits(rrsets: readonly Static<typeof RRset>[]): RRsetEdit[] {
  return editsOf(rrsets.map(rrset => ({ ...rrset, changetype: 'REPLACE' })))
}

/** The type of that name; of PowerDNS' own types, ALIAS alone is known. */
export function typeOf(text: string, pointer: string): number {
  const type = typeCode(text)
  if (type !== undefined) return type
  throw new ApiError(422, `"${text}" is not a record type`, pointer)
}

function rdataOf(
  type: number,
  { content, disabled }: { content: string; disabled?: boolean },
  pointer: string,
): Uint8Array {
  if (disabled) throw new ApiError(422, 'a disabled record is not kept: delete it instead', `${pointer}/disabled`)
  try {
    const rdata = parseRdataText(type, content, ROOT)
    // A name without its final dot is as likely meant within the zone as not.
    if (equalOctets(rdata, parseRdataText(type, content, ELSEWHERE))) return rdata
    throw new TextError('names are written in full, with their final dots')
  } catch (error) {
    if (!(error instanceof TextError)) throw error
    throw new ApiError(422, `${typeName(type)} "${content}": ${error.message}`, `${pointer}/content`)
  }
}

/** An origin by which relative names show. */
const ELSEWHERE = parseName('relative.invalid')

/** The comments that the changes bring or take. */
export function commentsOf(changes: readonly Change[], now: number): RRsetComments[] {
  return changes
    .filter(
      ({ changetype, comments }) => changetype === 'DELETE' || (changetype === 'REPLACE' && comments !== undefined),
    )
    .map(({ name, type, comments, changetype }) => ({
      owner: keyText(nameOf(name, 'name')),
      type: typeName(typeCode(type)!),
      comments: (changetype === 'DELETE' ? [] : comments!).map(({ content, account = '', modified_at }) => ({
        content,
        account,
        modified_at: modified_at || Math.floor(now / 1000),
      })),
    }))
}
