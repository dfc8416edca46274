import { timestamp } from '../acme/states.ts'
import { CaCommandError, type CaCommands } from '../command.ts'
import type { RecordRow, RecordStore, TreeHead } from '../store/record.ts'
import { parseSerial, pemOf } from '../x509/x509.ts'
import type { CaRecord, ConsistencyProof } from './record.ts'

const PAGE = 1000
const MOST = 10_000

/** `ca log …`: the record for operators and auditors. */
export function recordCommands({ record, store }: { record: CaRecord; store: RecordStore }): CaCommands {
  return {
    'ca.log.head': async () => ({
      ...describeHead(await record.head()),
      public_key: pemOf('PUBLIC KEY', record.publicKey),
    }),

    'ca.log.verify': async args => {
      const kept = keptHead(args['head'])
      const { faults, ...counts } = await record.verify(kept)
      if (faults.length > 0) throw new CaCommandError(faults, 1)
      const proof = kept && kept.size > 0 ? await record.proveConsistency(kept.size) : undefined
      return { ...counts, ...(proof ? describeConsistency(proof) : describeHead(await record.head())) }
    },

    'ca.log.prove': async args => {
      const serial = parseSerial(String(args['serial'] ?? ''))
      if (!serial) throw new CaCommandError(`"${args['serial'] ?? ''}" is not a serial number in hex`)
      const proof = await record.prove(serial)
      if (!proof) throw new CaCommandError(`the record has no certificate with the serial number ${serial}`, 1)
      const { row, index, path, head } = proof
      return { entry: row.entry, leaf: hex(row.leaf), index, path: path.map(hex), ...describeHead(head) }
    },

    /** `{ from }`, the size of a tree whose head was kept → that the one of now begins with it. */
    'ca.log.consistency': async args => {
      const from = Number(args['from'])
      if (!Number.isInteger(from) || from < 1)
        throw new CaCommandError(`"${args['from'] ?? ''}" is not the size of a tree`)
      const proof = await record.proveConsistency(from)
      if (!proof) throw new CaCommandError(`the record has fewer than ${from} entries`, 1)
      return describeConsistency(proof)
    },

    /** `{ after?, since?, limit? }` → lines of the record in order, those since then (milliseconds); `after` is the last number already seen. */
    'ca.log.entries': async args => {
      const limit = Math.min(Number(args['limit'] ?? PAGE), MOST)
      const rows = await store.recordRows(Number(args['after'] ?? 0), limit, Number(args['since'] ?? 0))
      return rows.map(describeRow)
    },
  }
}

function describeRow({ seq, entry, leaf }: RecordRow) {
  return { seq, ...(entry === null ? { forgotten: hex(leaf) } : { entry: JSON.parse(entry) as object }) }
}

function describeConsistency({ first, path, head }: ConsistencyProof) {
  return { first, consistency: path.map(hex), ...describeHead(head) }
}

function describeHead({ size, at, root, signature }: TreeHead) {
  return {
    size,
    at: timestamp(at),
    root: hex(root),
    signature: Buffer.from(signature).toString('base64'),
    timestamp: at,
  }
}

/** "SIZE:ROOT", as `ca log head` prints it. */
function keptHead(value: unknown): { size: number; root: Uint8Array } | undefined {
  if (value === undefined) return undefined
  const [, size, root] = /^(\d{1,15}):([0-9a-f]{64})$/i.exec(String(value)) ?? []
  if (size === undefined || root === undefined) throw new CaCommandError('a head is given as SIZE:ROOT')
  return { size: Number(size), root: Buffer.from(root, 'hex') }
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}
