import t from 'tap'
import { Class, Rcode } from '../../../dns/codes.ts'
import { parseName } from '../../../dns/name.ts'
import { Type } from '../../../dns/types.ts'
import { zoneSection } from '../../../server/requests/update.ts'
import { ORIGIN, updateMessage } from '../../zones/lines.ts'

const zone = (type: number, rrclass: number = Class.IN) => ({ name: ORIGIN, type, class: rrclass })

t.test('RFC 2136 §2.3, §3.1.1: the zone section', async t => {
  t.same(zoneSection(updateMessage({})).name, ORIGIN, 'names the zone')
  const cases = [
    ['has exactly one record: none is FORMERR', [], Rcode.FORMERR],
    [
      'has exactly one record: two are FORMERR',
      [zone(Type.SOA), { ...zone(Type.SOA), name: parseName('b.') }],
      Rcode.FORMERR,
    ],
    ['has the type SOA: another is FORMERR', [zone(Type.ANY)], Rcode.FORMERR],
    ['has a class that we serve: another is NOTAUTH (§3.1.2)', [zone(Type.SOA, Class.CH)], Rcode.NOTAUTH],
  ] as const
  for (const [name, question, rcode] of cases)
    t.throws(() => zoneSection(updateMessage({ zone: [...question] })), { name: 'RcodeError', rcode }, name)
})
