import t from 'tap'
import { Class } from '../../../dns/codes.ts'
import { printName } from '../../../dns/name.ts'
import { printRdata, typeName } from '../../../dns/types.ts'
import { CommandError } from '../../../server/control/control.ts'
import { parseUpdate } from '../../../server/explain/update.ts'

const shown = (line: string) => {
  const { owner, type, ttl, rdata, class: rrclass } = parseUpdate(line)
  const data = rdata.length > 0 ? printRdata(type, rdata) : ''
  return [printName(owner), ttl, rrclass, typeName(type), data]
}

t.test('updates as nsupdate takes them (RFC 2136 §2.5)', async t => {
  const cases: [line: string, expected: unknown[]][] = [
    ['add www.a.example 60 A 192.0.2.1', ['www.a.example.', 60, Class.IN, 'A', '192.0.2.1']],
    [
      'update add www.a.example. 60 IN mx 10 mail.a.example.',
      ['www.a.example.', 60, Class.IN, 'MX', '10 mail.a.example.'],
    ],
    ['add t.a.example 0 TXT "two  spaces" "A"', ['t.a.example.', 0, Class.IN, 'TXT', '"two  spaces" "A"']],
    ['delete www.a.example', ['www.a.example.', 0, Class.ANY, 'ANY', '']],
    ['del www.a.example A', ['www.a.example.', 0, Class.ANY, 'A', '']],
    ['delete www.a.example 60 IN A 192.0.2.1', ['www.a.example.', 0, Class.NONE, 'A', '192.0.2.1']],
  ]
  for (const [line, expected] of cases) t.same(shown(line), expected, line)
  for (const line of [
    '',
    'add',
    'add www.a.example A 192.0.2.1',
    'add x 60 NOTYPE x',
    'take www A',
    'add x 60 A 1.2.3',
  ])
    t.throws(() => parseUpdate(line), CommandError, line)
})
