import t from 'tap'
import { PolicyLog } from '../../../server/requests/policy-log.ts'
import { keepLog } from '../../zones/kept-log.ts'

const CLIENT = Uint8Array.of(192, 0, 2, 1)
const VERDICT = { rule: 'rpz.: bad.rpz.', action: 'nxdomain', log: true } as const

t.test('a hundred lines a second; the next one tells how many there would have been', t => {
  const { log, logged } = keepLog()
  const policies = new PolicyLog(log)
  const decide = (second: number) => {
    if (policies.hasRoom(second)) policies.decided(VERDICT, 'all', CLIENT)
  }
  for (let i = 0; i < 250; i++) decide(7)
  t.equal(logged.length, 100)
  t.match(logged[0], {
    message: 'a response policy decided',
    fields: { client: '192.0.2.1', view: 'all', rule: 'rpz.: bad.rpz.' },
  })
  decide(8)
  t.equal(logged.length, 101)
  t.match(logged.at(-1), { fields: { unlogged: 150 } })
  decide(8)
  t.notOk('unlogged' in (logged.at(-1) as { fields: object }).fields)
  t.end()
})
