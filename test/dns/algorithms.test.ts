import { createPublicKey } from 'node:crypto'
import t from 'tap'
import { dnssecAlgorithm } from '../../dns/algorithms.ts'

/** Of so many, about five begin with a zero octet in r or s. */
const SIGNATURES = 600

for (const code of [13, 14])
  t.test(`algorithm ${code}: r and s have the curve's length whatever their values (RFC 6605 §4)`, async t => {
    const algorithm = dnssecAlgorithm(code)!
    const key = await algorithm.generate()
    const publicKey = createPublicKey(key)
    const data = Buffer.from('signed')
    let padded = 0
    for (let i = 0; i < SIGNATURES; i++) {
      const signature = algorithm.sign(data, key)
      if (signature[0] === 0 || signature[signature.length / 2] === 0) padded++
      if (!algorithm.verify(data, publicKey, signature))
        return t.fail(`signature ${Buffer.from(signature).toString('hex')}`)
    }
    t.ok(padded < SIGNATURES / 10)
  })
