import t from 'tap'
import { parseName } from '../../../dns/name.ts'
import { parseRdataText, printRecord, typeCode } from '../../../dns/types.ts'
import { parseZonefile } from '../../../dns/zonefile.ts'
import { editRRsets, type RRsetEdit } from '../../../zones/update/edit.ts'
import { ZoneImage } from '../../../zones/zone.ts'

const origin = parseName('a.example')
const TEXT = `$TTL 300
@ SOA ns1 hostmaster 7 3600 600 604800 60
@ NS ns1
ns1 A 192.0.2.1
www A 192.0.2.2
www A 192.0.2.3
alias CNAME www
`
const version = () => ZoneImage.create(origin, parseZonefile(TEXT, { origin, file: 'a' }).records).latest()

const edit = (kind: RRsetEdit['kind'], owner: string, type: string, ...data: string[]): RRsetEdit => {
  const code = typeCode(type)!
  const rdatas = data.map(text => parseRdataText(code, text, origin))
  return { kind, owner: owner === '@' ? origin : parseName(owner, origin), type: code, ttl: 60, rdatas }
}
const outcome = (...edits: RRsetEdit[]) => {
  const { change } = editRRsets(version(), edits)
  const lines = (records: typeof change.added) => records.map(printRecord).filter(line => !line.includes(' SOA '))
  const soa = change.added[0]
  return { deleted: lines(change.deleted), added: lines(change.added), soa: soa && printRecord(soa).split(' ')[6] }
}

t.test('whole RRsets are replaced, deleted, extended and pruned', async t => {
  t.strictSame(outcome(edit('replace', 'www', 'A', '192.0.2.9')), {
    deleted: ['www.a.example. 300 IN A 192.0.2.2', 'www.a.example. 300 IN A 192.0.2.3'],
    added: ['www.a.example. 60 IN A 192.0.2.9'],
    soa: '8',
  })
  t.strictSame(outcome(edit('delete', 'www', 'A')).deleted.length, 2)
  t.strictSame(outcome(edit('prune', 'www', 'A', '192.0.2.2')).deleted, ['www.a.example. 300 IN A 192.0.2.2'])
  t.strictSame(
    outcome(edit('extend', 'www', 'A', '192.0.2.9')).added.length,
    3,
    'its TTL becomes that of all: RFC 2181 §5.2',
  )
  t.strictSame(outcome(edit('delete', 'absent', 'A')), { deleted: [], added: [], soa: undefined })
})

t.test('an alias takes the place of an address in any order of the edits', async t => {
  for (const edits of [
    [edit('delete', 'www', 'A'), edit('replace', 'www', 'CNAME', 'ns1')],
    [edit('replace', 'www', 'CNAME', 'ns1'), edit('delete', 'www', 'A')],
  ])
    t.strictSame(outcome(...edits).added, ['www.a.example. 60 IN CNAME ns1.a.example.'])
})

t.test('an SOA whose serial is behind brings the rest of its data', async t => {
  t.equal(outcome(edit('replace', '@', 'SOA', 'ns1 admin 3 1 1 1 1')).soa, '8')
  t.equal(outcome(edit('replace', '@', 'SOA', 'ns1 admin 2024010101 1 1 1 1')).soa, '2024010101')
})

t.test('what a zone can not hold is refused, with the edit at fault', async t => {
  const ok = edit('replace', 'new', 'A', '192.0.2.9')
  const refused: Record<string, RRsetEdit> = {
    'beside which no CNAME': edit('replace', 'www', 'CNAME', 'ns1'),
    'has a CNAME': edit('extend', 'alias', 'A', '192.0.2.9'),
    "zone's last NS": edit('delete', '@', 'NS'),
    'can only be replaced': edit('delete', '@', 'SOA'),
    'made by signing': edit('delete', '@', 'RRSIG'),
    'named twice': edit('replace', 'x', 'A', '192.0.2.9', '192.0.2.9'),
    'outside a.example.': edit('replace', 'x.example.', 'A', '192.0.2.9'),
    'is not between': { ...edit('replace', 'x', 'A', '192.0.2.9'), ttl: -1 },
  }
  for (const [why, bad] of Object.entries(refused))
    t.throws(() => editRRsets(version(), [ok, bad]), { name: 'EditError', index: 1, message: new RegExp(why) }, why)
})
