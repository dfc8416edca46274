import type { Clock, Timer } from '../../host/clock.ts'
import type { Log } from '../../host/log.ts'
import type { Signer } from '../hierarchy/keystore.ts'
import { type RecordRow, type RecordStore, TILE, type TreeHead } from '../store/record.ts'
import { consistencyPath, inclusionPath, leafHash, MerkleFrontier, rootOf } from './merkle.ts'
import { isSigned, signTreeHead } from './tree-head.ts'

/** That an entry is in the tree of a signed head (RFC 9162 §2.1.3). */
export interface InclusionProof {
  row: RecordRow
  index: number
  /** Sibling hashes from the leaf up. */
  path: Uint8Array[]
  head: TreeHead
}

/** That the tree of a signed head has grown from a smaller one (RFC 9162 §2.1.4). */
export interface ConsistencyProof {
  /** Leaves of the smaller tree. */
  first: number
  path: Uint8Array[]
  head: TreeHead
}

/** What reading the whole record again has shown. */
export interface Verification {
  entries: number
  /** Entries whose text is no longer kept; their hashes are in the tree. */
  forgotten: number
  heads: number
  /** What is wrong, in sentences; empty where all is well. */
  faults: string[]
}

/** The append-only record of what the CA did, as a Merkle tree with signed heads. */
export interface CaRecord {
  /** DER SubjectPublicKeyInfo of what signs heads. */
  readonly publicKey: Uint8Array
  /** The signed head of the tree as it is now. */
  head(): Promise<TreeHead>
  /** The proof that a certificate's issuance is in the record; undefined where it is not. */
  prove(serial: string): Promise<InclusionProof | undefined>
  /** The proof that the record as it is now begins with its first `size` entries; undefined where it has not so many, or for none. */
  proveConsistency(size: number): Promise<ConsistencyProof | undefined>
  /** Reads everything again, against every head signed so far, and one kept elsewhere where given. */
  verify(kept?: { size: number; root: Uint8Array }): Promise<Verification>
  /** Signs a head at once, and from then on wherever something was added. */
  start(): Promise<void>
  close(): void
}

/** How often a head is signed, where the tree has grown. */
const SIGN_EVERY = 600_000
/** Entries read at once. */
const PAGE = 1024

export function createRecord(deps: { store: RecordStore; signer: Signer; clock: Clock; log: Log }): CaRecord {
  const { store, signer, clock, log } = deps
  let timer: Timer | undefined
  /** One at a time: two heads of one size are one too many. */
  let turn: Promise<unknown> = Promise.resolve()

  /** Hashes of all whole tiles, and the leaves after them, of a tree of that size. */
  const read = async (size: number): Promise<{ tiles: Uint8Array[]; leaves: Uint8Array[] }> => {
    const whole = Math.floor(size / TILE)
    const tiles = (await store.tiles()).slice(0, whole)
    while (tiles.length < whole) {
      const hash = rootOf(await store.leaves(tiles.length * TILE, TILE))
      await store.addTile(tiles.length, hash)
      tiles.push(hash)
    }
    return { tiles, leaves: size % TILE === 0 ? [] : await store.leaves(whole * TILE, size % TILE) }
  }

  /** The roots of its tiles, the last of them maybe begun only, and what is in them. */
  const treeOf = async (size: number) => {
    const { tiles, leaves } = await read(size)
    return {
      roots: leaves.length > 0 ? [...tiles, rootOf(leaves)] : tiles,
      tileOf: async (tile: number) => (tile < tiles.length ? store.leaves(tile * TILE, TILE) : leaves),
    }
  }

  const signHead = async (): Promise<TreeHead> => {
    const size = await store.recordSize()
    const latest = await store.latestHead()
    if (latest?.size === size) return latest
    const root = rootOf((await treeOf(size)).roots)
    const head = await signTreeHead({ at: clock.now(), size, root }, signer)
    await store.addHead(head)
    log.info({ size, root: Buffer.from(root).toString('hex') }, 'record: tree head signed')
    return head
  }
  const head = (): Promise<TreeHead> => {
    const next = turn.then(signHead)
    turn = next.catch(() => {})
    return next
  }

  const signAgain = async () => {
    timer?.cancel()
    timer = clock.after(SIGN_EVERY, signAgain)
    await head().catch(error => log.error({ err: error }, 'the head of the record could not be signed; tried again'))
  }

  return {
    publicKey: signer.publicKey,
    head,
    async proveConsistency(first) {
      const signed = await head()
      if (!Number.isInteger(first) || first < 1 || first > signed.size) return undefined
      if (first === signed.size) return { first, path: [], head: signed }
      const { roots, tileOf } = await treeOf(signed.size)
      const [tile, rest] = [Math.floor(first / TILE), first % TILE]
      const path =
        rest === 0
          ? consistencyPath(roots, tile)
          : [...consistencyPath(await tileOf(tile), rest, tile === 0), ...inclusionPath(roots, tile)]
      return { first, path, head: signed }
    },
    async prove(serial) {
      const row = await store.issuanceOf(serial)
      if (!row) return undefined
      const signed = await head()
      const index = row.seq - 1
      const { roots, tileOf } = await treeOf(signed.size)
      const tile = Math.floor(index / TILE)
      const path = [...inclusionPath(await tileOf(tile), index % TILE), ...inclusionPath(roots, tile)]
      return { row, index, path, head: signed }
    },
    verify: kept => verifyRecord(store, signer.publicKey, kept),
    start: signAgain,
    close: () => timer?.cancel(),
  }
}

/** Reads a record as it is stored; `publicKey` is what signed its heads, `kept` a head that was kept elsewhere. */
export async function verifyRecord(
  store: RecordStore,
  publicKey: Uint8Array | undefined,
  kept: { size: number; root: Uint8Array } | undefined,
): Promise<Verification> {
  const faults: string[] = []
  const tree = new MerkleFrontier()
  const heads = await allHeads(store)
  const due = [...heads]
  let [entries, forgotten, after] = [0, 0, 0]
  const compare = (root: Uint8Array, what: string) => {
    if (!Buffer.from(tree.root()).equals(root)) faults.push(`${what} is not what its ${tree.size} entries give`)
  }
  const check = () => {
    if (kept?.size === entries) compare(kept.root, 'the head that was kept elsewhere')
    while (due[0]?.size === entries) {
      const one = due.shift()!
      if (publicKey && !isSigned(one, publicKey))
        faults.push(`the head of ${one.size} entries is not signed by our key`)
      compare(one.root, `the head of ${new Date(one.at).toISOString()}`)
    }
  }
  check()
  for (;;) {
    const rows = await store.recordRows(after, PAGE)
    if (rows.length === 0) break
    for (const row of rows) {
      if (row.seq !== entries + 1) faults.push(`entries ${entries + 1} to ${row.seq - 1} are missing`)
      if (row.entry === null) forgotten++
      else if (!Buffer.from(leafHash(Buffer.from(row.entry))).equals(row.leaf))
        faults.push(`entry ${row.seq} is not the one that was hashed`)
      tree.add(row.leaf)
      entries = row.seq
      check()
    }
    after = entries
  }
  for (const one of due) faults.push(`the head of ${one.size} entries has more than the ${entries} that are there`)
  if (kept && kept.size > entries)
    faults.push(`the head that was kept elsewhere has ${kept.size} entries, there are ${entries}`)
  return { entries, forgotten, heads: heads.length, faults }
}

async function allHeads(store: RecordStore): Promise<TreeHead[]> {
  const heads: TreeHead[] = []
  for (;;) {
    const page = await store.heads(heads.at(-1)?.size ?? -1, PAGE)
    heads.push(...page)
    if (page.length < PAGE) return heads
  }
}
