import t from 'tap'
import { Holders } from '../../zones/holders.ts'
import { record, records, SOA } from './lines.ts'

const [one, two] = [record('www 60 IN A 192.0.2.1'), record('www 60 IN A 192.0.2.2')]
const shorter = record('WWW 5 IN A 192.0.2.1')

t.test('a record is held by the key that added it', async t => {
  const holders = new Holders()
  holders.follow({ deleted: [], added: [one] }, 'dns.')
  t.equal(holders.of(one), 'dns.')
  t.equal(holders.of(shorter), 'dns.', 'whatever its TTL and spelling')
  t.equal(holders.of(two), undefined)
})

t.test('a record that goes and comes back in one change stays whose it was', async t => {
  const holders = new Holders()
  holders.follow({ deleted: [], added: [one] }, 'dns.')
  holders.follow({ deleted: [one], added: [shorter] }, 'other.')
  t.equal(holders.of(shorter), 'dns.')
})

t.test('a record that goes is nobody’s, and the next to add it holds it', async t => {
  const holders = new Holders()
  holders.follow({ deleted: [], added: [one] }, 'dns.')
  holders.follow({ deleted: [one], added: [] }, 'dns.')
  t.equal(holders.of(one), undefined)
  holders.follow({ deleted: [], added: [one] }, 'other.')
  t.equal(holders.of(one), 'other.')
})

t.test('what is added without a key, the SOA, and what the file claims, are nobody’s', async t => {
  const holders = new Holders()
  holders.follow({ deleted: [], added: [one, ...records([SOA])] }, 'dns.')
  t.equal(holders.of(record(SOA)), undefined)
  holders.follow({ deleted: [], added: [two] }, undefined, [{ record: one, holder: undefined }])
  t.equal(holders.of(one), undefined)
  t.equal(holders.of(two), undefined)
})
