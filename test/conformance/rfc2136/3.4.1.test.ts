import t from 'tap'
import { Rcode } from '../../../dns/codes.ts'
import { updated } from '../../zones/lines.ts'

const cases: [rule: string, update: string, rcode: number][] = [
  ['§3.4.1.2 an owner outside the zone is NOTZONE', 'www.b.example. 60 IN A 192.0.2.1', Rcode.NOTZONE],
  ['§3.4.1.2 an owner above the zone is NOTZONE', 'example. 60 IN A 192.0.2.1', Rcode.NOTZONE],
  ['§3.4.1.2 a deletion outside the zone is NOTZONE too', 'www.b.example. 0 ANY ANY', Rcode.NOTZONE],
  ['§3.4.1.2 another class is FORMERR', 'www 60 CH A', Rcode.FORMERR],
  ['§3.4.1.3 adding ANY is FORMERR', 'www 60 IN ANY', Rcode.FORMERR],
  ['§3.4.1.3 adding AXFR is FORMERR', 'www 60 IN AXFR', Rcode.FORMERR],
  ['§3.4.1.3 adding MAILA is FORMERR', 'www 60 IN MAILA', Rcode.FORMERR],
  ['§3.4.1.3 adding MAILB is FORMERR', 'www 60 IN MAILB', Rcode.FORMERR],
  ['§3.4.1.3 adding any other meta type is FORMERR', 'www 60 IN TYPE249', Rcode.FORMERR],
  ['§3.4.1.3 deleting an RRset with a TTL is FORMERR', 'www 1 ANY A', Rcode.FORMERR],
  ['§3.4.1.3 deleting an RRset with data is FORMERR', 'www 0 ANY A 192.0.2.1', Rcode.FORMERR],
  ['§3.4.1.3 deleting the RRset AXFR is FORMERR', 'www 0 ANY AXFR', Rcode.FORMERR],
  ['§3.4.1.3 deleting all RRsets of a name is allowed', 'www 0 ANY ANY', Rcode.NOERROR],
  ['§3.4.1.3 deleting an RR with a TTL is FORMERR', 'www 1 NONE A 192.0.2.1', Rcode.FORMERR],
  ['§3.4.1.3 deleting an RR of type ANY is FORMERR', 'www 0 NONE ANY', Rcode.FORMERR],
  ['§3.4.1.3 deleting an RR of a meta type is FORMERR', 'www 0 NONE MAILB', Rcode.FORMERR],
]

for (const [rule, update, rcode] of cases)
  t.test(`RFC 2136 ${rule}`, async t => {
    const result = updated(['www 300 IN A 192.0.2.1'], ['first 60 IN A 192.0.2.7', update])
    t.equal(result.rcode, rcode)
    t.equal(result.serial, rcode === Rcode.NOERROR ? 11 : 10, 'and nothing before it is kept (§3.4.2.1)')
  })

t.test('RFC 2136 §3.2, §3.4.1: prerequisites are judged before updates', async t => {
  t.equal(updated([], ['www 1 ANY A'], ['nobody 0 ANY ANY']).rcode, Rcode.NXDOMAIN)
})
