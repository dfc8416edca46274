import type { Name } from '../../dns/name.ts'
import type { Arena } from './arena.ts'
import { entryFlags, Has, keyLength, keyOf } from './entry.ts'
import type { SearchKey } from './key.ts'
import { ownerOf } from './reader.ts'
import { Cursor } from './tree.ts'
import { apexOf, cutsOf, hashedOf, rootOf } from './version.ts'

/** The owners after the key in canonical order, not the apex; each is looked for only when it is asked for, the key not any more. */
export function ownersAfter(arena: Arena, origin: Name, version: number, key: SearchKey): Generator<Name> {
  const cursor = new Cursor(arena)
  cursor.seek(rootOf(arena, version), key.octets, key.length)
  return following(arena, origin, cursor)
}

function* following(arena: Arena, origin: Name, cursor: Cursor): Generator<Name> {
  for (let entry = cursor.next(); entry !== 0; entry = cursor.next()) yield ownerOf(arena, origin, entry)
}

/** The owners before the key in the reverse of canonical order; the apex is the last. */
export function ownersBefore(arena: Arena, origin: Name, version: number, key: SearchKey): Iterable<Name> {
  if (key.length === 0) return []
  const cursor = new Cursor(arena)
  const exact = cursor.seek(rootOf(arena, version), key.octets, key.length)
  return preceding(arena, origin, cursor, exact)
}

function* preceding(arena: Arena, origin: Name, cursor: Cursor, exact: boolean): Generator<Name> {
  for (let entry = exact ? cursor.previous() : cursor.entry; entry !== 0; entry = cursor.previous())
    yield ownerOf(arena, origin, entry)
  yield origin
}

/** Whether a delegation or a DNAME above the name hides it (RFC 1034 §4.2.1, RFC 6672 §2.4). */
export function isHidden(arena: Arena, version: number, key: SearchKey): boolean {
  if (key.labels === 0) return false
  if (entryFlags(arena, apexOf(arena, version)) & Has.DNAME) return true
  if (cutsOf(arena, version) === 0) return false
  const cursor = new Cursor(arena)
  const root = rootOf(arena, version)
  for (let labels = 1; labels < key.labels; labels++)
    if (cursor.seek(root, key.octets, key.ends[labels]!) && entryFlags(arena, cursor.entry) & (Has.NS | Has.DNAME))
      return true
  return false
}

/** The hashed label before the key among the owners of NSEC3 and the one after it, as text; undefined where there is none. */
export function hashNeighbours(
  arena: Arena,
  version: number,
  label: string,
): { before: () => string | undefined; after: () => string | undefined } {
  const key = Buffer.from(`${label}\0`, 'latin1')
  const [back, forth] = [new Cursor(arena), new Cursor(arena)]
  const root = hashedOf(arena, version)
  let exact = back.seek(root, key, key.length)
  forth.seek(root, key, key.length)
  const labelOf = (entry: number) =>
    entry === 0
      ? undefined
      : Buffer.from(arena.octets.subarray(keyOf(entry), keyOf(entry) + keyLength(arena, entry) - 1)).toString('latin1')
  return {
    before() {
      const entry = exact || back.entry === 0 ? back.previous() : back.entry
      exact = true
      return labelOf(entry)
    },
    after: () => labelOf(forth.next()),
  }
}
