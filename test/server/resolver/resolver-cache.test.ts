import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { Config } from '../../../config/schema.ts'
import { parseName } from '../../../dns/name.ts'
import { silentLog } from '../../../host/log.ts'
import { createAnswerCache } from '../../../resolver/cache/cache.ts'
import { questionKey } from '../../../resolver/question.ts'
import { openResolverCache } from '../../../server/resolver/resolver-cache.ts'
import { scratch } from '../../cli/session.ts'
import { record } from '../../resolver/world.ts'
import { createSimulatedClock } from '../../simulation/clock.ts'
import { readConfig } from '../serving.ts'

const VIEWS = [1, 2].map(octet => new Uint8Array(8).fill(octet)) as [Uint8Array, Uint8Array]
const NAMES = ['a.example.', 'b.a.example.', 'ba.example.', 'c.example.']

function open(data_dir: string, more = '') {
  const config: Config = { ...readConfig(`cache: { size: 1 ${more} }`), data_dir }
  const clock = createSimulatedClock()
  const cache = openResolverCache(config, clock, silentLog)
  const parts = VIEWS.map(view => createAnswerCache(cache.memory, view, 60))
  const keyOf = (name: string) =>
    questionKey('', { name: parseName(name), type: 1, dnssecOk: false, checkingDisabled: false })
  const answer = { rcode: 0, answer: [record('x. 60 A 192.0.2.1')], authority: [], authentic: false, unfinished: false }
  const fill = () => {
    for (const part of parts) for (const name of NAMES) part.set(keyOf(name), answer, 60, clock.monotonic())
  }
  const left = () => parts.map(part => NAMES.filter(name => part.get(keyOf(name), clock.monotonic())))
  return { cache, fill, left, config }
}

t.test('a flush takes out a name, a subtree, a view, or all', t => {
  const name = parseName('A.example.')
  const rows = [
    [{}, 8, [[], []]],
    [{ name }, 2, [NAMES.slice(1), NAMES.slice(1)]],
    [{ name, subtree: true }, 4, [NAMES.slice(2), NAMES.slice(2)]],
    [{ partitions: [VIEWS[1]] }, 4, [NAMES, []]],
    [{ name, subtree: true, partitions: [VIEWS[0]] }, 2, [NAMES.slice(2), NAMES]],
  ] as const
  for (const [what, count, left] of rows) {
    const opened = open(scratch(t, {}))
    opened.fill()
    t.equal(opened.cache.flush(what), count)
    t.same(opened.left(), left)
  }
  t.end()
})

t.test('the cache is kept for the next start, once, where the configuration wants that', t => {
  const cwd = scratch(t, {})
  const file = join(cwd, 'resolver-cache')
  const first = open(cwd)
  first.fill()
  first.cache.save(first.config)
  const saved = readFileSync(file)
  const second = open(cwd)
  t.same(second.left(), [NAMES, NAMES])
  t.notOk(existsSync(file))
  t.same(open(cwd).left(), [[], []])
  writeFileSync(file, saved)
  const third = open(cwd, ', save: false')
  t.same(third.left(), [[], []])
  third.fill()
  third.cache.save(third.config)
  t.notOk(existsSync(file))
  writeFileSync(file, saved.subarray(1))
  t.same(open(cwd).left(), [[], []], 'a damaged file is not used')
  t.end()
})
