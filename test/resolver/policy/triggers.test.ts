import t from 'tap'
import { addressBytes } from '../../../config/address.ts'
import { parseName, printName } from '../../../dns/name.ts'
import { AddressRules, parseBlock } from '../../../resolver/policy/triggers.ts'

const APEX = parseName('rpz-ip.policy.')
const blockOf = (text: string) => parseBlock(parseName(`${text}.rpz-ip.policy.`), APEX)

t.test('what an owner stands for', async t => {
  const rows: [owner: string, block: string | undefined][] = [
    ['32.1.2.0.192', '192.0.2.1/32'],
    ['24.0.2.0.192', '192.0.2.0/24'],
    ['0.0.0.0.0', '0.0.0.0/0'],
    ['128.1.zz.db8.2001', '2001:db8::1/128'],
    ['48.zz.db8.2001', '2001:db8::/48'],
    ['64.0.0.0.0.0.0.db8.2001', '2001:db8::/64'],
    ['33.1.2.0.192', undefined],
    ['129.1.zz.db8.2001', undefined],
    ['32.1.2.0.256', undefined],
    ['32.1.2.0', undefined],
    ['64.zz.zz.db8.2001', undefined],
    ['x.1.2.0.192', undefined],
  ]
  for (const [owner, expected] of rows) {
    const block = blockOf(owner)
    const [address, length] = expected?.split('/') ?? []
    t.same(block && [...block.bytes], address && [...addressBytes(address)!], owner)
    t.equal(block?.length, length && Number(length), owner)
  }
})

t.test('which of several rules is for an answer', async t => {
  const rules = new AddressRules()
  for (const owner of [
    '8.0.0.0.10',
    '24.0.2.0.192',
    '32.7.2.0.192',
    '32.8.2.0.192',
    '120.zz.db8.2001',
    '32.zz.db8.2001',
  ])
    rules.add(blockOf(owner)!, parseName(`${owner}.rpz-ip.policy.`))
  const rows: [sentence: string, addresses: string[], rule: string | undefined][] = [
    ['none', ['203.0.113.1'], undefined],
    ['the longest block of an address', ['192.0.2.7'], '32.7.2.0.192'],
    [
      'the longest block of all addresses, wherever it stands',
      ['10.1.1.1', '192.0.2.9', '203.0.113.1'],
      '24.0.2.0.192',
    ],
    ['of two as long the one that holds the smaller address', ['192.0.2.8', '192.0.2.7'], '32.7.2.0.192'],
    ['a block of IPv4 counts 96 bits more', ['2001:db8::7', '10.1.1.1'], '120.zz.db8.2001'],
    ['so it may go before one of IPv6', ['2001:db8:1::1', '10.1.1.1'], '8.0.0.0.10'],
  ]
  for (const [sentence, addresses, rule] of rows) {
    const found = rules.find(addresses.map(one => addressBytes(one)!))
    t.equal(found && printName(found), rule && `${rule}.rpz-ip.policy.`, sentence)
  }
})
