import t from 'tap'
import { readCorpus } from '../../scripts/fuzz/corpus.ts'
import { fuzz } from '../../scripts/fuzz/run.ts'
import { TARGETS } from '../../scripts/fuzz/targets.ts'

for (const [name, load] of Object.entries(TARGETS))
  t.test(name, async t => {
    const target = await load()
    const corpus = readCorpus(name)
    for (const [file, input] of corpus) await t.resolves(async () => target.check(input), `test/corpus/${name}/${file}`)
    const find = await fuzz(target, [...corpus.values()], { runs: 2000, seed: 1 })
    t.equal(find, undefined, 'two thousand mutations keep every promise')
  })
