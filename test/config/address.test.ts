import fc from 'fast-check'
import t from 'tap'
import {
  addressBytes,
  containsAddress,
  parsePrefix,
  parseSocketAddress,
  printAddress,
  printPrefix,
  printSocketAddress,
} from '../../config/address.ts'

t.test('IPv6 text as RFC 5952 §4 recommends', async t => {
  const cases: [string, string][] = [
    ['2001:0db8::0001', '2001:db8::1'],
    ['2001:db8:0:0:0:0:2:1', '2001:db8::2:1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['2001:DB8::A', '2001:db8::a'],
    ['::', '::'],
    ['::1', '::1'],
    ['64:ff9b::192.0.2.33', '64:ff9b::c000:221'],
    ['fe80::1%eth0', 'fe80::1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
  ]
  for (const [text, printed] of cases) t.equal(printAddress(addressBytes(text)!), printed, text)
})

t.test('what is not an address', async t => {
  for (const text of ['', '1.2.3', '1.2.3.4.5', '256.1.1.1', ':::', '1::2::3', 'example.com', '12345::', '1.2.3.04'])
    t.equal(addressBytes(text), undefined, text)
})

t.test('printing and reading an address are inverse', async () => {
  const octets = fc.oneof(
    fc.uint8Array({ minLength: 4, maxLength: 4 }),
    fc
      .array(fc.constantFrom(0, 0, 1, 0xab), { minLength: 16, maxLength: 16 })
      .map(list => Uint8Array.from(list))
      .filter(bytes => !printAddress(bytes).startsWith('::ffff:')),
  )
  fc.assert(fc.property(octets, bytes => Buffer.compare(addressBytes(printAddress(bytes))!, bytes) === 0))
})

t.test('blocks', async t => {
  const cases: [string, string | undefined][] = [
    ['10.0.0.0/8', '10.0.0.0/8'],
    ['10.1.2.3', '10.1.2.3'],
    ['0.0.0.0/0', '0.0.0.0/0'],
    ['10.0.0.0/33', undefined],
    ['10.0.0.1/8', undefined],
    ['10.0.0.0/', undefined],
    ['2001:db8::/32', '2001:db8::/32'],
    ['2001:db8::/129', undefined],
    ['::ffff:10.0.0.0/104', '10.0.0.0/8'],
    ['::ffff:10.0.0.0/90', undefined],
    ['fe80::1%eth0/64', undefined],
    ['example.com/8', undefined],
  ]
  for (const [text, printed] of cases) {
    const block = parsePrefix(text)
    t.equal(block && printPrefix(block), printed, text)
  }
})

t.test('which addresses a block holds', async t => {
  const cases: [string, string, boolean][] = [
    ['10.0.0.0/8', '10.255.0.1', true],
    ['10.0.0.0/8', '11.0.0.1', false],
    ['192.0.2.128/25', '192.0.2.129', true],
    ['192.0.2.128/25', '192.0.2.127', false],
    ['0.0.0.0/0', '203.0.113.9', true],
    ['0.0.0.0/0', '::1', false],
    ['::/0', '192.0.2.1', false],
    ['2001:db8::/33', '2001:db8:7fff::1', true],
    ['2001:db8::/33', '2001:db8:8000::1', false],
    ['192.0.2.1', '::ffff:192.0.2.1', true],
  ]
  for (const [block, address, holds] of cases)
    t.equal(containsAddress([parsePrefix(block)!], addressBytes(address)!), holds, `${address} in ${block}`)
})

t.test('addresses with ports', async t => {
  const cases: [string, number | undefined, string | undefined][] = [
    ['192.0.2.1:53', undefined, '192.0.2.1:53'],
    ['192.0.2.1', 53, '192.0.2.1:53'],
    ['192.0.2.1', undefined, undefined],
    ['[::1]:53', undefined, '[::1]:53'],
    ['[::1]', 853, '[::1]:853'],
    ['::1', 53, '[::1]:53'],
    ['2001:db8::1:53', 1, '[2001:db8::1:53]:1'],
    ['127.0.0.1:0', undefined, '127.0.0.1:0'],
    ['127.0.0.1:65536', undefined, undefined],
    ['[192.0.2.1]:53', undefined, undefined],
    ['localhost:53', undefined, undefined],
    [':53', undefined, undefined],
  ]
  for (const [text, port, printed] of cases) {
    const address = parseSocketAddress(text, port)
    t.equal(address && printSocketAddress(address), printed, text)
  }
})
