import t from 'tap'
import { syslogLine, syslogMessage } from '../../cli/syslog.ts'

t.test('a line of the record is a message as RFC 5424 §6 has it', async t => {
  const entry = { at: '2026-01-01T00:00:00.000Z', kind: 'issued', serial: '01' }
  t.equal(
    syslogLine({ seq: 7, entry }, 'ns1'),
    `<110>1 2026-01-01T00:00:00.000Z ns1 namestead - issued [record@32473 seq="7"] ${JSON.stringify(entry)}`,
  )
  t.equal(
    syslogLine({ seq: 8, forgotten: 'ab' }, ''),
    '<110>1 - - namestead - - [record@32473 seq="8"] {"seq":8,"forgotten":"ab"}',
  )
  t.equal(
    syslogMessage(entry, 'ns1'),
    `<110>1 2026-01-01T00:00:00.000Z ns1 namestead - issued - ${JSON.stringify(entry)}`,
  )
})
