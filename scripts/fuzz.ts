/** Feeds mutated input to what strangers can reach: `node scripts/fuzz.ts message --runs 1000000 --seed 7`. A find is kept in the corpus. */
import { parseArgs } from 'node:util'
import { keepInput, readCorpus } from './fuzz/corpus.ts'
import { fuzz } from './fuzz/run.ts'
import { TARGETS } from './fuzz/targets.ts'

/** Input that takes longer than this to judge is a find as well. */
const HANG_SECONDS = 10

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { runs: { type: 'string', default: '100000' }, seed: { type: 'string', default: '1' } },
})
const name = positionals[0] ?? ''
const load = TARGETS[name]
if (!load || positionals.length !== 1) {
  console.error(`usage: fuzz.ts ${Object.keys(TARGETS).join('|')} [--runs N] [--seed N]`)
  process.exit(2)
}
const target = await load()
const runs = Number(values.runs)
let slowest = 0
let last = performance.now()
const find = await fuzz(
  {
    ...target,
    check: async input => {
      await target.check(input)
      const now = performance.now()
      const took = now - last
      last = now
      slowest = Math.max(slowest, took)
      if (took > HANG_SECONDS * 1000) throw new Error(`this took ${Math.round(took)} ms`)
    },
  },
  [...readCorpus(name).values()],
  {
    runs,
    seed: Number(values.seed),
    progress: done =>
      done % 100_000 === 0 &&
      console.error(`${done} of ${runs}, ${Math.round(process.memoryUsage.rss() / 2 ** 20)} MiB`),
  },
)
if (find) {
  console.error(`${keepInput(name, target.extension, find.input)}:`, find.error)
  process.exit(1)
}
console.log(`${name}: ${runs} inputs, no find; the slowest took ${Math.round(slowest)} ms`)
