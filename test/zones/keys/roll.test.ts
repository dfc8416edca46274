import fc from 'fast-check'
import t from 'tap'
import { type KeyPolicy, observeParent, settle, step } from '../../../zones/keys/roll.ts'
import { ABSENT, type Delays, isEntryPoint, isIn, isInUse, type KeyState, stageOf } from '../../../zones/keys/state.ts'
import { createSeededRandom } from '../../simulation/random.ts'
import { faults, History, idOf, type KeySet, keySetOf, type Signers, signersOf, type Trusted } from './validator.ts'

const HOUR = 3_600_000
const RRSETS = 3
const POLICIES: readonly KeyPolicy[] = [13, 15].flatMap(algorithm => [false, true].map(split => ({ algorithm, split })))

/** A zone, its parent, and whoever looks after both, at a pace that depends on chance alone. */
class World {
  readonly random
  now = Date.UTC(2026, 0, 1)
  policy: KeyPolicy | undefined
  readonly delays: Delays
  keys: KeyState[] = []
  next: number | undefined
  private tag = 0
  readonly ds: History<Trusted>
  readonly keySet: History<KeySet>
  readonly rrsets: History<Signers>[]
  readonly story: string[] = []

  constructor(seed: number) {
    this.random = createSeededRandom(seed)
    const delay = () => (1 + this.random.below(40)) * HOUR
    this.delays = { zone: delay(), keys: delay(), parent: delay() }
    this.policy = this.pick(POLICIES)
    this.ds = new History<Trusted>([], this.now)
    this.keySet = new History<KeySet>({ keys: [], signers: [] }, this.now)
    this.rrsets = Array.from({ length: RRSETS }, () => new History<Signers>([], this.now))
    this.decide()
  }

  pick<T>(from: readonly T[]): T {
    return from[this.random.below(from.length)]!
  }

  decide(): void {
    const circumstances = () => ({ now: this.now, policy: this.policy, delays: this.delays })
    for (;;) {
      let taken = step(this.keys, circumstances())
      const { create } = taken
      if (create.length > 0) {
        const { algorithm } = this.policy!
        const made = create.map(role => ({
          ...{ role, algorithm, keyTag: ++this.tag, created: this.now },
          ...{ publication: ABSENT, signing: ABSENT, trust: ABSENT },
        }))
        taken = step([...taken.keys, ...made], circumstances())
      }
      this.next = taken.next
      if (!taken.changed && create.length === 0) return
      // As the file has it after a restart.
      this.keys = JSON.parse(JSON.stringify(taken.keys))
    }
  }

  /** Signs the zone anew, one thing after the other, or part of it. */
  show(part: number): void {
    const all = [
      () => this.keySet.set(keySetOf(this.keys), this.now),
      ...this.rrsets.map(rrset => () => rrset.set(signersOf(this.keys), this.now)),
    ]
    for (let i = 0; i < part; i++) all[this.random.below(all.length)]!()
    if (part > 0) return
    for (const one of all) one()
    this.keys = settle(this.keys, this.now)
  }

  /** The parent does as it is asked. */
  parentFollows(): void {
    const asked = this.keys.filter(({ trust }) => isIn(trust)).map(idOf)
    if (asked.length > 0 || this.policy === undefined) this.ds.set(asked, this.now)
  }

  parentIsSeen(): void {
    const seen = ({ keyTag }: KeyState) =>
      this.ds.current.some(one => one.keyTag === keyTag) ? 'everywhere' : 'nowhere'
    this.keys = observeParent(this.keys, seen, this.now)
  }

  /** Something happens; what it was. */
  happen(): string {
    const what = this.random.below(12)
    if (what < 3) this.show(0)
    else if (what < 5) this.show(1 + this.random.below(3))
    else if (what < 7) this.parentFollows()
    else if (what < 9) this.parentIsSeen()
    else if (what === 9 && this.random.below(4) === 0) this.policy = this.pick([...POLICIES, undefined])
    else if (what === 10) this.spend()
    else return this.wait()
    return String(what)
  }

  private spend(): void {
    if (this.keys.some(({ retired, publication }) => retired !== undefined && isIn(publication))) return
    const used = this.keys.filter(key => key.retired === undefined && isInUse(key))
    if (used.length > 0) this.pick(used).spent = true
  }

  private wait(): string {
    const due = this.next !== undefined && this.random.below(2) === 0 ? this.next - this.now : undefined
    this.now += due ?? this.random.below(20 * HOUR)
    return 'wait'
  }

  faults(patience = 1): string[] {
    const { zone, keys, parent } = this.delays
    const held = { zone: zone * patience, keys: keys * patience, parent: parent * patience }
    return faults(this.now, held, this.ds, this.keySet, this.rrsets)
  }
}

/** Some months of a world; `patience` is how much longer caches hold things than its operator thinks. */
function live(seed: number, patience: number): { world: World; fault: string | undefined } {
  const world = new World(seed)
  for (let i = 0; i < 250; i++) {
    world.happen()
    world.decide()
    const [fault] = world.faults(patience)
    if (fault) return { world, fault: `after ${i}: ${fault}` }
  }
  return { world, fault: undefined }
}

t.test('no validator, whatever it holds, ever finds bogus what rolls over (RFC 7583, RFC 6781 §4.1)', async t => {
  let rolled = 0
  const holds = (seed: number) => {
    const { world, fault } = live(seed, 1)
    if (fault) throw new Error(`${fault}\n${JSON.stringify(world.keys, null, 1)}`)
    rolled += world.keys.at(-1)?.keyTag ?? 0
  }
  fc.assert(fc.property(fc.integer({ min: 0, max: 1e9 }), holds), { numRuns: 300 })
  t.ok(rolled > 500, `${rolled} keys were made`)
})

t.test('a validator that holds things for longer does: no wait is longer than it must be by much', async t => {
  const faulty = Array.from({ length: 40 }, (_, seed) => live(seed, 1.5).fault).filter(Boolean)
  t.ok(faulty.length > 20, `${faulty.length} of 40`)
})

t.test('every rollover comes to an end, and leaves nothing behind', async () => {
  const ends = (seed: number) => {
    const world = new World(seed)
    for (let i = 0; i < 100; i++) {
      world.happen()
      world.decide()
    }
    for (let i = 0; i < 100; i++) {
      world.show(0)
      world.parentFollows()
      world.parentIsSeen()
      world.now += 20 * HOUR
      world.decide()
      const found = world.faults()
      if (found.length > 0) throw new Error(found[0])
    }
    const { policy, keys } = world
    const expected = policy ? (policy.split ? ['ksk', 'zsk'] : ['csk']) : []
    const roles = keys.map(({ role }) => role).sort()
    const active = keys.every(key => stageOf(key) === 'active' && key.algorithm === policy!.algorithm)
    if (String(roles) !== String(expected) || !active) throw new Error(JSON.stringify(keys, null, 1))
    const trusted = keys.filter(isEntryPoint).map(({ keyTag }) => keyTag)
    if (String(world.ds.current.map(({ keyTag }) => keyTag)) !== String(trusted)) throw new Error('another DS')
  }
  fc.assert(fc.property(fc.integer({ min: 0, max: 1e9 }), ends), { numRuns: 200 })
})
