import t from 'tap'
import { createLog } from '../../server/log.ts'

t.test('a level set later holds for children that were made before', async t => {
  const lines: { level: string; msg: string; zone?: string }[] = []
  const { log, setLevel } = createLog('info', { write: line => lines.push(JSON.parse(line)) })
  const child = log.child({ zone: 'a.example.' })
  child.debug({}, 'one')
  setLevel('debug')
  child.debug({}, 'two')
  setLevel('error')
  child.warn({}, 'three')
  log.error({ err: new Error('it broke') }, 'four')
  t.match(lines, [
    { level: 'debug', msg: 'two', zone: 'a.example.' },
    { level: 'error', msg: 'four', err: { message: 'it broke' } },
  ])
  t.equal(lines.length, 2)
})
