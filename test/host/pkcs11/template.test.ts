import t from 'tap'
import { encodeTemplate, readTemplate } from '../../../host/pkcs11/template.ts'

const BASE = 0x1000n

t.test('attributes are laid out as CK_ATTRIBUTEs that point at their values', t => {
  const memory = encodeTemplate(
    new Map<number, Uint8Array | bigint | boolean>([
      [3, Buffer.from('ca')],
      [1, true],
      [0x121, 2048n],
    ]),
    () => BASE,
  )
  const words = new BigUint64Array(memory)
  t.strictSame([...words.subarray(0, 9)], [3n, BASE + 72n, 2n, 1n, BASE + 80n, 1n, 0x121n, BASE + 88n, 8n])
  t.equal(Buffer.from(memory, 72, 2).toString(), 'ca')
  t.equal(words[11], 2048n)
  t.end()
})

t.test('an empty value asks for the length; what a token does not show is absent', t => {
  const types = [3, 0x181]
  const memory = encodeTemplate(new Map(types.map(type => [type, new Uint8Array()])), () => BASE)
  const words = new BigUint64Array(memory)
  t.strictSame([words[1], words[4]], [0n, 0n])
  words[2] = 4n
  words[5] = 0xffff_ffff_ffff_ffffn
  t.match(readTemplate(memory, types, BASE), [
    { type: 3, length: 4 },
    { type: 0x181, length: undefined },
  ])
  const filled = encodeTemplate(new Map([[3, Buffer.from('root')]]), () => BASE)
  // It may turn out shorter than was said.
  new BigUint64Array(filled)[2] = 3n
  t.equal(Buffer.from(readTemplate(filled, [3], BASE)[0]!.value).toString(), 'roo')
  t.end()
})
