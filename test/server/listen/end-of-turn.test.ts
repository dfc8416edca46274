import t from 'tap'
import { EndOfTurn } from '../../../server/listen/end-of-turn.ts'

t.test('what is added is done once: at the end of the turn, or before a wait', async t => {
  const done: string[] = []
  const endOfTurn = new EndOfTurn()
  endOfTurn.add(() => done.push('one'))
  endOfTurn.add(() => {
    done.push('two')
    endOfTurn.add(() => done.push('three'))
  })
  t.same(done, [])
  t.equal(endOfTurn.run(), true)
  t.same(done, ['one', 'two'], 'what is added meanwhile is of the next turn')
  await new Promise(setImmediate)
  t.same(done, ['one', 'two', 'three'])
  t.equal(endOfTurn.run(), false, 'there is nothing any more')
  await new Promise(setImmediate)
  t.equal(done.length, 3)
})
