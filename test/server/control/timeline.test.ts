import t from 'tap'
import { timelineCommand } from '../../../server/control/timeline.ts'
import type { Zones } from '../../../server/zones/zones.ts'

const NONE = [] as unknown as Zones

t.test('what the CA recorded is told in order, page by page, between two moments', async t => {
  const lines = Array.from({ length: 2500 }, (_, i) => ({
    seq: i + 1,
    ...(i !== 3 && { entry: { at: new Date(i * 1000).toISOString(), kind: 'issued', i } }),
  }))
  let asked = 0
  const recorded = async ({ after, limit }: Record<string, unknown>) => {
    asked++
    return lines.slice(Number(after), Number(after) + Number(limit))
  }
  const run = timelineCommand(NONE, recorded)
  const all = (await run({}, () => {})) as { i: number }[]
  t.equal(all.length, 2499, 'less the one whose text is forgotten')
  t.equal(asked, 3)
  const some = (await run(
    { since: new Date(10_000).toISOString(), until: new Date(12_000).toISOString() },
    () => {},
  )) as { i: number }[]
  t.strictSame(
    some.map(({ i }) => i),
    [10, 11, 12],
  )
  t.strictSame(await timelineCommand(NONE, undefined)({}, () => {}), [], 'without a CA there are zones alone')
  await t.rejects(Promise.resolve(run({ since: 'yesterday' }, () => {})), { exit: 2 } as unknown as Error)
})
