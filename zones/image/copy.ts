import type { Name } from '../../dns/name.ts'
import { Arena, roomFor } from './arena.ts'
import { buildTree, treeWords } from './edit.ts'
import { entryWords, moveEntry, nthRRset, rrsetsAt, rrsetWords } from './entry.ts'
import { Cursor } from './tree.ts'
import { readVersion, writeVersion } from './version.ts'

/** A new arena with one version's live data alone and room for `slack` times as much of changes. Its one version is unpublished. */
export function copyZone(from: Arena, origin: Name, version: number, slack: number): { arena: Arena; version: number } {
  const record = readVersion(from, version)
  const entries = entriesOf(from, record.root, record.names - 1)
  const hashes = entriesOf(from, record.hashed, record.hashes)
  const words = entrySize(from, record.apex) + sizeOf(from, entries) + sizeOf(from, hashes)
  const arena = Arena.create(origin, roomFor(words * 4, slack))
  record.apex = moveEntry(from, record.apex, arena)
  record.root = moveTree(from, entries, arena)
  record.hashed = moveTree(from, hashes, arena)
  return { arena, version: writeVersion(arena, record) }
}

/** The `count` entries of a tree, in order. */
function entriesOf(arena: Arena, root: number, count: number): Uint32Array {
  const entries = new Uint32Array(count)
  const cursor = new Cursor(arena)
  cursor.seek(root, new Uint8Array(0), 0)
  for (let i = 0; i < count; i++) entries[i] = cursor.next()
  return entries
}

/** Words of the entries with their RRsets, and of a tree over them. */
function sizeOf(arena: Arena, entries: Uint32Array): number {
  let words = treeWords(entries.length)
  for (const entry of entries) words += entrySize(arena, entry)
  return words
}

function moveTree(from: Arena, entries: Uint32Array, to: Arena): number {
  for (let i = 0; i < entries.length; i++) entries[i] = moveEntry(from, entries[i]!, to)
  return buildTree(to, entries)
}

function entrySize(arena: Arena, entry: number): number {
  let words = entryWords(arena, entry)
  for (let i = 0; i < rrsetsAt(arena, entry); i++) words += rrsetWords(arena, nthRRset(arena, entry, i))
  return words
}
