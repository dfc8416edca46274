import t from 'tap'
import { writeMessage } from '../../../dns/message.ts'
import { parseName } from '../../../dns/name.ts'
import { signRequest } from '../../../dns/tsig.ts'
import { tsigKey } from '../../../dns/tsig-record.ts'
import { KeyUses, mergeKeyUses } from '../../../server/requests/key-use.ts'
import { Handling } from '../handling.ts'
import { queryMessage } from '../serving.ts'

const AT = Date.UTC(2026, 0, 1)
const A = parseName('a.')
const from = (last: number) => Uint8Array.of(192, 0, 2, last)

t.test('uses, old secrets and failures are counted, and the last of each is known', async t => {
  let now = AT
  const uses = new KeyUses({ now: () => now })
  uses.verified(A, 0, from(1))
  now += 1000
  uses.verified(parseName('A.'), 1, from(2))
  now += 1000
  uses.failed(A, 'BADSIG', from(3))
  uses.failed(A, 'BADTIME', from(4))
  t.strictSame(uses.told(), [
    {
      ...{ name: 'a.', requests: 2, oldRequests: 1, failures: { BADSIG: 1, BADTIME: 1 } },
      last: { at: AT + 1000, from: '192.0.2.2' },
      lastOld: { at: AT + 1000, from: '192.0.2.2' },
      lastFailure: { at: AT + 2000, from: '192.0.2.4' },
    },
  ])
})

t.test('threads are counted together, and the latest moment is kept', async t => {
  const one = { name: 'a.', requests: 2, oldRequests: 0, failures: { BADSIG: 1 }, last: { at: 5, from: '192.0.2.1' } }
  const other = { ...one, oldRequests: 3, failures: { BADTIME: 2 }, last: { at: 9, from: '192.0.2.2' } }
  t.strictSame(mergeKeyUses([one, other, { ...one, name: 'b.' }]), [
    {
      ...{ name: 'a.', requests: 4, oldRequests: 3, failures: { BADSIG: 1, BADTIME: 2 } },
      last: { at: 9, from: '192.0.2.2' },
    },
    { ...one, name: 'b.' },
  ])
})

t.test('what a handler verifies is noted; names that no key has are not', async t => {
  const secrets = { new: Buffer.from('new secret, long enough'), old: Buffer.from('old secret, long enough') }
  const list = [secrets.new, secrets.old].map(secret => `"${secret.toString('base64')}"`)
  const handling = new Handling({
    config: `keys: [{ name: k, algorithm: hmac-sha256, secret: [${list}] }]\nviews: [{ name: v, match: { keys: [k] } }]`,
    images: [],
  })
  const ask = (name: string, secret: Buffer) => {
    const key = tsigKey(parseName(name), 'hmac-sha256', [secret])
    handling.ask(
      signRequest(writeMessage(queryMessage({ name: 'www.example.' })), key, Math.floor(Date.now() / 1000)).wire,
    )
  }
  ask('k.', secrets.new)
  ask('K.', secrets.old)
  ask('k.', Buffer.from('another secret'))
  ask('made-up.', secrets.new)
  t.match(handling.handler.keyUses.told(), [
    { name: 'k.', requests: 2, oldRequests: 1, failures: { BADSIG: 1 }, lastOld: { from: '127.0.0.1' } },
  ])
  t.equal(handling.handler.keyUses.told().length, 1)
})
