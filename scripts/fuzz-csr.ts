// Feeds mutations of test/corpus/{csr,ocsp,certificate} to what reads them: only our own errors may come out, and in time.
// node scripts/fuzz-csr.ts [--runs N] [--seed N]; a find is saved into the corpus, where the tests replay it.
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { OcspError, readOcspRequest } from '../ca/revocation/ocsp.ts'
import { readCertificate } from '../ca/x509/certificate-facts.ts'
import { CsrError, readCsr } from '../ca/x509/csr.ts'
import { DerError } from '../ca/x509/der.ts'

/** Longer than this, one input would hold up everything else that the main thread does. */
const MAX_MILLISECONDS = 500

const TARGETS = {
  csr: { read: readCsr, own: CsrError },
  ocsp: { read: readOcspRequest, own: OcspError },
  certificate: { read: readCertificate, own: DerError },
}

const { values } = parseArgs({ options: { runs: { type: 'string', default: '20000' }, seed: { type: 'string' } } })
const seed = Number(values.seed ?? Date.now() % 2 ** 31)
const next = generator(seed)
let finds = 0
for (const [target, { read, own }] of Object.entries(TARGETS)) {
  const folder = join(import.meta.dirname, '../test/corpus', target)
  const corpus = readdirSync(folder).map(file => readFileSync(join(folder, file)))
  for (let run = 0; run < Number(values.runs); run++) {
    const input = mutate(corpus[next(corpus.length)]!, corpus[next(corpus.length)]!)
    const problem = problemOf(() => read(input), own)
    if (problem === undefined) continue
    finds++
    const file = join(folder, `find-${createHash('sha256').update(input).digest('hex').slice(0, 12)}.der`)
    writeFileSync(file, input)
    console.error(`${target}: ${problem}; saved as ${file}`)
  }
}
console.log(`seed ${seed}: ${values.runs} mutations for each of ${Object.keys(TARGETS).join(', ')}; ${finds} finds`)
process.exitCode = finds > 0 ? 1 : 0

/** What was wrong with reading: a foreign error, or too long a time. */
function problemOf(read: () => unknown, own: new (...args: never[]) => Error): string | undefined {
  const began = performance.now()
  try {
    read()
  } catch (error) {
    if (!(error instanceof own)) return `${error}`
  }
  const took = performance.now() - began
  return took > MAX_MILLISECONDS ? `${Math.round(took)} ms` : undefined
}

/** One to four changes: an octet, a run of octets dropped, doubled or taken from another input. */
function mutate(input: Uint8Array, other: Uint8Array): Uint8Array {
  let bytes = Buffer.from(input)
  for (let change = next(4); change >= 0; change--) {
    const at = next(bytes.length || 1)
    const end = Math.min(bytes.length, at + 1 + next(16))
    const from = next(other.length)
    const pieces = [
      () => Buffer.from(bytes.map((octet, i) => (i === at ? next(256) : octet))),
      () => Buffer.from(bytes.map((octet, i) => (i === at ? octet ^ (1 << next(8)) : octet))),
      () => Buffer.concat([bytes.subarray(0, at), bytes.subarray(end)]),
      () => Buffer.concat([bytes.subarray(0, end), bytes.subarray(at)]),
      () => Buffer.concat([bytes.subarray(0, at), other.subarray(from, from + 32), bytes.subarray(end)]),
    ]
    bytes = pieces[next(pieces.length)]!()
  }
  return bytes
}

/** Repeatable pseudo-random integers below a limit (mulberry32). */
function generator(seed: number): (limit: number) => number {
  let state = seed
  return limit => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit
  }
}
