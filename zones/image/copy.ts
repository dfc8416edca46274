import type { Name } from '../../dns/name.ts'
import { Arena, roomFor } from './arena.ts'
import { buildTree, treeWords } from './edit.ts'
import { entryWords, moveEntry, nthRRset, rrsetsAt, rrsetWords } from './entry.ts'
import { Cursor } from './tree.ts'
import { readVersion, rootOf, writeVersion } from './version.ts'

/** A new arena with one version's live data alone and room for `slack` times as much of changes. Its one version is unpublished. */
export function copyZone(from: Arena, origin: Name, version: number, slack: number): { arena: Arena; version: number } {
  const record = readVersion(from, version)
  const entries = new Uint32Array(record.names - 1)
  let words = entrySize(from, record.apex)
  let count = 0
  const cursor = new Cursor(from)
  cursor.seek(rootOf(from, version), new Uint8Array(0), 0)
  for (let entry = cursor.next(); entry !== 0; entry = cursor.next()) {
    words += entrySize(from, entry)
    entries[count++] = entry
  }
  const live = (words + treeWords(count)) * 4
  const arena = Arena.create(origin, roomFor(live, slack))
  record.apex = moveEntry(from, record.apex, arena)
  for (let i = 0; i < count; i++) entries[i] = moveEntry(from, entries[i]!, arena)
  record.root = buildTree(arena, entries)
  return { arena, version: writeVersion(arena, record) }
}

function entrySize(arena: Arena, entry: number): number {
  let words = entryWords(arena, entry)
  for (let i = 0; i < rrsetsAt(arena, entry); i++) words += rrsetWords(arena, nthRRset(arena, entry, i))
  return words
}
