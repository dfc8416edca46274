import t from 'tap'
import { Rcode } from '../../../dns/codes.ts'
import { SOA, updated } from '../../zones/lines.ts'

const ZONE = [
  'www 300 IN A 192.0.2.1',
  'www 300 IN A 192.0.2.2',
  'deep.empty 300 IN A 192.0.2.3',
  'mail 300 IN MX 10 Mail.Other.example.',
]

const cases: [rule: string, prerequisites: string[], rcode: number][] = [
  ['§2.4.1 an RRset exists: it does', ['www 0 ANY A'], Rcode.NOERROR],
  ['§2.4.1 an RRset exists: case does not matter', ['WWW 0 ANY A'], Rcode.NOERROR],
  ['§2.4.1 an RRset exists: the name has another type', ['www 0 ANY AAAA'], Rcode.NXRRSET],
  ['§2.4.1 an RRset exists: there is no such name', ['nobody 0 ANY A'], Rcode.NXRRSET],
  [
    '§2.4.2 an RRset exists with these values: all, in another order',
    ['www 0 IN A 192.0.2.2', 'www 0 IN A 192.0.2.1'],
    Rcode.NOERROR,
  ],
  [
    '§2.4.2 an RRset exists with these values: one said twice counts once',
    ['mail 0 IN MX 10 mail.other.example.', 'mail 0 IN MX 10 mail.other.example.'],
    Rcode.NOERROR,
  ],
  ['§2.4.2 an RRset exists with these values: too few', ['www 0 IN A 192.0.2.1'], Rcode.NXRRSET],
  [
    '§2.4.2 an RRset exists with these values: too many',
    ['www 0 IN A 192.0.2.1', 'www 0 IN A 192.0.2.2', 'www 0 IN A 192.0.2.3'],
    Rcode.NXRRSET,
  ],
  [
    '§2.4.2 an RRset exists with these values: another value',
    ['www 0 IN A 192.0.2.1', 'www 0 IN A 192.0.2.9'],
    Rcode.NXRRSET,
  ],
  ['§2.4.2 an RRset exists with these values: no RRset at all', ['nobody 0 IN A 192.0.2.1'], Rcode.NXRRSET],
  ['§1.1.1 names in RDATA are compared ignoring case', ['mail 0 IN MX 10 mail.OTHER.example.'], Rcode.NOERROR],
  ['§2.4.3 an RRset does not exist: right', ['www 0 NONE AAAA'], Rcode.NOERROR],
  ['§2.4.3 an RRset does not exist: it does', ['www 0 NONE A'], Rcode.YXRRSET],
  ['§2.4.4 a name is in use: it is', ['www 0 ANY ANY'], Rcode.NOERROR],
  ['§2.4.4 a name is in use: it is not', ['nobody 0 ANY ANY'], Rcode.NXDOMAIN],
  ['§2.4.4 a name is in use: an empty non-terminal is not', ['empty 0 ANY ANY'], Rcode.NXDOMAIN],
  ['§2.4.5 a name is not in use: right', ['nobody 0 NONE ANY'], Rcode.NOERROR],
  ['§2.4.5 a name is not in use: an empty non-terminal is not', ['empty 0 NONE ANY'], Rcode.NOERROR],
  ['§2.4.5 a name is not in use: it is', ['www 0 NONE ANY'], Rcode.YXDOMAIN],
  ['§3.2.1 a TTL other than 0 is FORMERR: class ANY', ['www 1 ANY A'], Rcode.FORMERR],
  ['§3.2.1 a TTL other than 0 is FORMERR: class NONE', ['www 1 NONE AAAA'], Rcode.FORMERR],
  ['§3.2.3 a TTL other than 0 is FORMERR: class IN', ['mail 1 IN MX 10 mail.other.example.'], Rcode.FORMERR],
  ['§3.2.1 data with class ANY is FORMERR', ['www 0 ANY A 192.0.2.1'], Rcode.FORMERR],
  ['§3.2.2 data with class NONE is FORMERR', ['www 0 NONE AAAA 2001:db8::1'], Rcode.FORMERR],
  ['§3.2.5 a class other than the zone’s, ANY and NONE is FORMERR', ['www 0 CH A'], Rcode.FORMERR],
  ['§3.2.5 an owner outside the zone is NOTZONE', ['www.b.example. 0 ANY A'], Rcode.NOTZONE],
  ['§3.2.5 a name that only ends like the zone is outside', ['wwwa.example. 0 ANY A'], Rcode.NOTZONE],
  ['§3.2.5 the TTL is looked at before the owner', ['www.b.example. 1 ANY A'], Rcode.FORMERR],
  ['§3.2 the first that does not hold decides', ['www 0 ANY A', 'nobody 0 ANY ANY', 'www 0 NONE A'], Rcode.NXDOMAIN],
  [
    '§3.2.3 values are compared after all others were checked',
    ['www 0 IN A 192.0.2.9', 'nobody 0 ANY ANY'],
    Rcode.NXDOMAIN,
  ],
  [
    '§3.2.3 values are compared after all others were checked: form',
    ['www 0 IN A 192.0.2.9', 'www 5 ANY A'],
    Rcode.FORMERR,
  ],
  ['§2.4 the SOA may be asked for by value', [SOA.replace(' 300 ', ' 0 ')], Rcode.NOERROR],
]

for (const [rule, prerequisites, rcode] of cases)
  t.test(`RFC 2136 ${rule}`, async t => {
    const result = updated(ZONE, ['new 60 IN A 192.0.2.7'], prerequisites)
    t.equal(result.rcode, rcode)
    t.equal(result.serial, rcode === Rcode.NOERROR ? 11 : 10, 'changes the zone only where all hold')
  })

t.test('RFC 2136 §3.2: prerequisites alone change nothing', async t => {
  const result = updated(ZONE, [], ['www 0 ANY A'])
  t.match(result, { rcode: Rcode.NOERROR, serial: 10, change: { added: [], deleted: [] } })
})
