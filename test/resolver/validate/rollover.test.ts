import t from 'tap'
import { dsRdata } from '../../../dns/dnssec.ts'
import { ROOT } from '../../../dns/name.ts'
import { makeRdata, Type } from '../../../dns/types.ts'
import type { TrustAnchor } from '../../../resolver/validate/anchors.ts'
import {
  anchorsAfter,
  follow,
  HOLD_DOWN,
  type SeenKeys,
  seenIn,
  type TrackedKey,
  untilNextProbe,
} from '../../../resolver/validate/rollover.ts'
import { signedSets } from '../../../resolver/validate/rrsets.ts'
import { TestZone } from './zone.ts'

const DAY = 86_400_000
const HOUR = 3_600_000

/** A DNSKEY that is told apart by one octet. */
function dnskey(mark: number): Uint8Array {
  return makeRdata('DNSKEY', { flags: 257, protocol: 3, algorithm: 8, publicKey: Uint8Array.of(1, 3, mark, 99) })
}
const OLD = dnskey(1)
const NEW = dnskey(2)
const ANCHORS: TrustAnchor[] = [{ zone: ROOT, type: Type.DS, rdata: dsRdata(ROOT, OLD)! }]
const seen = (present: Uint8Array[], revoked: Uint8Array[] = []): SeenKeys => ({ present, revoked })

/** The states after a history: [days since the one before, keys present, keys revoked]. */
function after(...history: [days: number, present: Uint8Array[], revoked?: Uint8Array[]][]): TrackedKey[] {
  let now = 0
  let keys: TrackedKey[] = []
  for (const [days, present, revoked] of history) {
    now += days * DAY
    keys = follow(keys, seen(present, revoked), ANCHORS, now)
  }
  return keys
}
const stateOf = (keys: TrackedKey[], key: Uint8Array) => keys.find(one => one.dnskey === key)?.state

t.test('RFC 5011 §4: how keys of the root come and go', async t => {
  const cases: [sentence: string, keys: TrackedKey[], old: string | undefined, fresh: string | undefined][] = [
    ['the key that is pointed at is valid at once', after([0, [OLD]]), 'valid', undefined],
    ['§2.2: a new key waits', after([0, [OLD]], [1, [OLD, NEW]], [29, [OLD, NEW]]), 'valid', 'pending'],
    ['§2.4.1: for thirty days', after([0, [OLD]], [1, [OLD, NEW]], [30, [OLD, NEW]]), 'valid', 'valid'],
    [
      '§2.2: in every one of which it is seen',
      after([0, [OLD, NEW]], [15, [OLD]], [1, [OLD, NEW]], [15, [OLD, NEW]]),
      'valid',
      'pending',
    ],
    ['§4.2: a valid key may be missing', after([0, [OLD]], [1, [NEW]]), 'missing', 'pending'],
    ['§4.2: and come back', after([0, [OLD]], [1, []], [1, [OLD]]), 'valid', undefined],
    ['§2.1: a revoked key is revoked at once', after([0, [OLD]], [1, [], [OLD]]), 'revoked', undefined],
    ['§2.1: and for good', after([0, [OLD]], [1, [], [OLD]], [1, [OLD]]), 'revoked', undefined],
    ['§2.4.2: removed after thirty days', after([0, [OLD]], [1, [], [OLD]], [31, []]), 'removed', undefined],
    [
      '§4.2: never to come back',
      after([0, [OLD]], [1, [], [OLD]], [31, []], [40, [OLD]], [40, [OLD]]),
      'removed',
      undefined,
    ],
    ['§4.1: a pending key that is revoked is forgotten', after([0, [OLD, NEW]], [1, [OLD], [NEW]]), 'valid', undefined],
  ]
  for (const [sentence, keys, old, fresh] of cases)
    t.same([stateOf(keys, OLD), stateOf(keys, NEW)], [old, fresh], sentence)
})

t.test('what is trusted after a change of keys', async t => {
  t.same(anchorsAfter(ANCHORS, []), ANCHORS, 'before anything is known')
  t.same(anchorsAfter(ANCHORS, after([0, [OLD, NEW]])), ANCHORS, 'a pending key is not')
  const both = after([0, [OLD, NEW]], [30, [OLD, NEW]])
  t.same(
    anchorsAfter(ANCHORS, both).map(({ type }) => type),
    [Type.DS, Type.DNSKEY],
  )
  const rolled = follow(both, seen([NEW], [OLD]), ANCHORS, 31 * DAY)
  t.same(anchorsAfter(ANCHORS, rolled), [{ zone: ROOT, type: Type.DNSKEY, rdata: NEW }], 'the old one is gone')
  t.equal(HOLD_DOWN, 30 * DAY)
})

t.test('RFC 5011 §2.1: only what a key signs itself revokes it', async t => {
  const now = 1_800_000_000
  const zone = new TestZone({ apex: '.', flags: 257 | 0x80 }, now)
  const set = zone.find(ROOT, Type.DNSKEY)!
  const [signed] = signedSets(zone.signedRecords(set))
  t.equal(seenIn(signed!, now).revoked.length, 1)
  t.equal(seenIn(signed!, now).revoked[0]![1]! & 0x80, 0, 'told with the flag cleared, as it was known before')
  t.same(seenIn({ ...signed!, signatures: [] }, now), { present: [], revoked: [] })
  const zsk = new TestZone({ apex: '.', flags: 256 }, now)
  const [other] = signedSets(zsk.signedRecords(zsk.find(ROOT, Type.DNSKEY)!))
  t.same(seenIn(other!, now), { present: [], revoked: [] }, '§3: without SEP it is no trust anchor')
})

t.test('RFC 5011 §2.3: when the keys are asked for again', async t => {
  t.equal(untilNextProbe(172_800, 21 * 86_400, true), DAY, 'half the TTL')
  t.equal(untilNextProbe(172_800, 86_400, true), DAY / 2, 'half the life of signatures')
  t.equal(untilNextProbe(60, 60, true), HOUR, 'an hour at least')
  t.equal(untilNextProbe(90 * 86_400, 90 * 86_400, true), 15 * DAY, 'fifteen days at most')
  t.equal(untilNextProbe(172_800, 21 * 86_400, false), 0.2 * DAY, 'after a failure a tenth')
})
