import fc from 'fast-check'
import t from 'tap'
import { compareNames, equalNames, isSubdomain, parseName } from '../../../dns/name.ts'
import { Type, typeCode } from '../../../dns/types.ts'
import {
  covers,
  type Nsec,
  nsecDelegation,
  nsecProvesNoData,
  nsecProvesNoName,
  nsecProvesWildcard,
} from '../../../resolver/validate/nsec.ts'

const ZONE = parseName('example.')

function nsec(owner: string, next: string, types = 'A RRSIG NSEC'): Nsec {
  return {
    owner: parseName(owner),
    next: parseName(next),
    types: new Set(types.split(' ').map(type => typeCode(type)!)),
  }
}

/** The NSEC records of the zone in RFC 4035 Appendix A that its Appendix B uses. */
const B = {
  apexToA: nsec('example.', 'a.example.', 'NS SOA MX RRSIG NSEC DNSKEY'),
  bToNs1: nsec('b.example.', 'ns1.example.', 'NS RRSIG NSEC'),
  ns1: nsec('ns1.example.', 'ns2.example.', 'A RRSIG NSEC'),
  xyw: nsec('x.y.w.example.', 'xx.example.', 'MX RRSIG NSEC'),
  wildcard: nsec('*.w.example.', 'ns.b.example.', 'MX RRSIG NSEC'),
}

t.test('RFC 4035 Appendix B: the proofs of its example zone', async t => {
  const name = parseName
  t.equal(nsecProvesNoName([B.bToNs1, B.apexToA], name('ml.example.'), ZONE), 'proved', 'B.2: a name error')
  t.equal(nsecProvesNoData([B.ns1], name('ns1.example.'), Type.MX, ZONE), 'proved', 'B.3: no data')
  t.equal(nsecDelegation([B.bToNs1], name('b.example.'), ZONE), 'proved', 'B.5: a referral to an unsigned zone')
  t.equal(
    nsecProvesWildcard([B.xyw], name('a.z.w.example.'), name('w.example.'), ZONE),
    'proved',
    'B.6: a wildcard expansion',
  )
  t.equal(
    nsecProvesNoData([B.xyw, { ...B.wildcard, next: name('xw.example.') }], name('a.z.w.example.'), Type.AAAA, ZONE),
    'proved',
    'B.7: no data of a wildcard',
  )
  t.equal(nsecProvesNoData([B.apexToA], ZONE, Type.DS, ZONE), 'unproved', 'B.8: the child does not deny its DS')
})

t.test('what an NSEC does not deny', async t => {
  const name = parseName
  const cut = nsec('b.example.', 'd.example.', 'NS RRSIG NSEC')
  const dname = nsec('b.example.', 'd.example.', 'DNAME RRSIG NSEC')
  t.equal(
    nsecProvesNoName([cut, B.apexToA], name('x.b.example.'), ZONE),
    'unproved',
    'RFC 6840 §4.1: a name below a cut',
  )
  t.equal(
    nsecProvesNoName([dname, B.apexToA], name('x.b.example.'), ZONE),
    'unproved',
    'RFC 6840 §4.1: a name below a DNAME',
  )
  t.equal(nsecProvesNoName([cut, B.apexToA], name('c.example.'), ZONE), 'proved', 'a name beside a cut')
  t.equal(nsecProvesNoData([cut], name('b.example.'), Type.A, ZONE), 'unproved', 'RFC 6840 §4.1: data at a cut')
  t.equal(nsecProvesNoData([cut], name('b.example.'), Type.DS, ZONE), 'proved', 'RFC 6840 §4.1: but DS')
  const alias = nsec('b.example.', 'd.example.', 'CNAME RRSIG NSEC')
  t.equal(
    nsecProvesNoData([alias], name('b.example.'), Type.A, ZONE),
    'unproved',
    'RFC 6840 §4.3: data where there is an alias',
  )
  t.equal(nsecProvesNoName([B.bToNs1], name('ml.example.'), ZONE), 'unproved', 'a name without a word on the wildcard')
  const deep = nsec('b.example.', 'x.y.d.example.')
  t.equal(
    nsecProvesNoName([deep, B.apexToA], name('y.d.example.'), ZONE),
    'unproved',
    'RFC 4592 §2.2.2: an empty non-terminal',
  )
  t.equal(nsecProvesNoData([deep], name('y.d.example.'), Type.A, ZONE), 'proved', 'which has no data')
  t.equal(nsecProvesWildcard([deep], name('y.d.example.'), ZONE, ZONE), 'unproved', 'and no wildcard stands for it')
  const star = nsec('example.', 'a.*.example.')
  t.equal(
    nsecProvesNoName([B.bToNs1, star], name('ml.example.'), ZONE),
    'unproved',
    'RFC 4592 §2.2.2: a wildcard that is an empty non-terminal',
  )
  t.equal(nsecProvesNoData([B.bToNs1, star], name('ml.example.'), Type.A, ZONE), 'proved', 'which has no data')
  t.equal(nsecProvesNoName([B.bToNs1, B.apexToA], name('ml.elsewhere.'), ZONE), 'unproved', 'a name of another zone')
})

t.test('what an NSEC says of a cut', async t => {
  const name = parseName('b.example.')
  t.equal(
    nsecDelegation([nsec('b.example.', 'c.example.', 'NS DS RRSIG NSEC')], name, ZONE),
    'unproved',
    'there is a DS',
  )
  t.equal(
    nsecDelegation([nsec('b.example.', 'c.example.', 'NS SOA RRSIG NSEC')], name, ZONE),
    'unproved',
    'it is the child’s own',
  )
  t.equal(nsecDelegation([nsec('b.example.', 'c.example.')], name, ZONE), 'inside', 'there is no cut')
  t.equal(nsecDelegation([nsec('a.example.', 'c.example.')], name, ZONE), 'absent', 'there is no name')
  t.equal(nsecDelegation([nsec('a.example.', 'x.b.example.')], name, ZONE), 'inside', 'there are names below it')
  t.equal(nsecDelegation([], name, ZONE), 'unproved')
})

const label = fc.constantFrom('a', 'b', 'c', 'd', '*', 'A', 'aa')
const owner = fc.array(label, { maxLength: 3 }).map(labels => parseName([...labels, 'example', ''].join('.')))

t.test('a whole chain of NSECs covers or matches each name once', async () => {
  fc.assert(
    fc.property(fc.uniqueArray(owner, { comparator: equalNames, maxLength: 12 }), owner, (owners, name) => {
      const names = [ZONE, ...owners.filter(one => !equalNames(one, ZONE))].sort(compareNames)
      const chain = names.map(
        (one, i): Nsec => ({ owner: one, next: names[(i + 1) % names.length]!, types: new Set([Type.A]) }),
      )
      const found = chain.filter(one => equalNames(one.owner, name) || covers(one, name, ZONE))
      if (found.length !== 1) throw new Error(`${found.length} of ${chain.length}`)
      const exists = names.some(one => isSubdomain(one, name))
      const denied = nsecProvesNoName(chain, name, ZONE) === 'proved'
      if (denied && exists) throw new Error('a name that exists is denied')
    }),
    { numRuns: 500, seed: 4035 },
  )
})
