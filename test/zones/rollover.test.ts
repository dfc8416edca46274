import t from 'tap'
import { compilePattern } from '../../config/pattern.ts'
import type { ZoneConfig } from '../../config/schema.ts'
import { Rrsig, verifyRRset } from '../../dns/dnssec.ts'
import { nameKey, parseName } from '../../dns/name.ts'
import { readRdata, Type } from '../../dns/types.ts'
import { silentLog } from '../../host/log.ts'
import { openMemoryDatabase } from '../../server/storage/memory-database.ts'
import { createKeyRings } from '../../zones/keys/keys.ts'
import type { ParentDs } from '../../zones/keys/parent.ts'
import { isIn } from '../../zones/keys/state.ts'
import { openPrimary, type PrimaryZone } from '../../zones/primary.ts'
import { createZoneStore, ZONE_MIGRATIONS } from '../../zones/store/store.ts'
import type { ZoneVersion } from '../../zones/zone.ts'
import { newKey } from '../dns/new-key.ts'
import { createSimulatedClock } from '../simulation/clock.ts'
import { createSeededRandom } from '../simulation/random.ts'
import { faults, History, idOf, type KeySet, type Signers, type Trusted } from './keys/validator.ts'
import { NS, ORIGIN, SOA, updateMessage } from './lines.ts'
import { faultsOf, memoryKeyFiles } from './signed-zone.ts'

type Dnssec = NonNullable<ZoneConfig['dnssec']>
const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const PROPAGATION = 5 * MINUTE
const KEY = parseName('dns.')
const RULE = { key: KEY, names: ['**'].map(compilePattern), own: false, wildcards: true }
const VIEWS = ['inside', 'outside']
const SIGN: Dnssec = {
  ...{ sign: true, algorithm: 'ed25519', keys: 'csk', nsec3: false },
  ...{ propagation_delay: PROPAGATION, parent_propagation_delay: PROPAGATION, parent_ds_ttl: 2 * HOUR },
}

/** A signed zone in two views, its parent, and validators that hold what was served as long as they may. */
class World {
  readonly random
  readonly clock = createSimulatedClock()
  private readonly stores = VIEWS.map(() => createZoneStore(openMemoryDatabase(ZONE_MIGRATIONS)))
  readonly files = memoryKeyFiles()
  private readonly file: string
  dnssec: Dnssec | undefined = SIGN
  zones: PrimaryZone[] = []
  /** What the parent can be asked for; nothing where an operator must say. */
  asksParent = false
  ds = new History<Trusted>([], 0)
  parentRdatas: Uint8Array[] = []
  private readonly views = VIEWS.map(() => ({
    keySet: new History<KeySet>({ keys: [], signers: [] }, 0),
    rrsets: new Map<string, History<Signers>>(),
  }))
  private readonly longest: number
  keysSeen = new Set<number>()

  constructor(seed: number) {
    this.random = createSeededRandom(seed)
    const ttl = () => 60 * (1 + this.random.below(120))
    const ttls = [ttl(), ttl(), ttl()]
    this.longest = Math.max(...ttls, 3600)
    this.file = [
      SOA,
      NS,
      `ns ${ttls[0]} IN A 192.0.2.53`,
      `www ${ttls[1]} IN A 192.0.2.1`,
      `*.w ${ttls[2]} IN TXT x`,
    ].join('\n')
  }

  config(): ZoneConfig {
    const { dnssec } = this
    return {
      ...{
        name: ORIGIN,
        type: 'primary',
        dynamic: true,
        update: [RULE],
        transfer: [],
        notify: [],
        hide_private: false,
      },
      ...{ file: '/z', ...(dnssec && { dnssec }) },
    } as unknown as ZoneConfig
  }

  async start(): Promise<void> {
    const askParents = async (): Promise<ParentDs[]> =>
      this.asksParent ? [{ ds: this.parentRdatas, ttl: 2 * HOUR }] : []
    const keyRings = createKeyRings(this.files, this.clock, { newKey: async code => newKey(code), askParents })
    keyRings.hold()
    this.zones = []
    for (const [i, view] of VIEWS.entries())
      this.zones.push(
        await openPrimary(view, this.config(), {
          ...{ store: this.stores[i]!, clock: this.clock, log: silentLog, random: createSeededRandom(i) },
          ...{ serverName: parseName('ns1.server.example.'), readFile: () => this.file, keyRings },
          onPublished: zone => this.take(zone, this.views[i]!, this.clock.now()),
        }),
      )
    keyRings.release()
    this.look()
  }

  async restart(): Promise<void> {
    for (const zone of this.zones) await zone.close()
    await this.start()
  }

  async reload(dnssec: Dnssec | undefined): Promise<void> {
    this.dnssec = dnssec
    for (const zone of this.zones) await zone.reload(this.config())
  }

  get ring() {
    return this.zones.find(({ keyRing }) => keyRing)?.keyRing
  }

  /** Time passes; things are changed, and now and then the daemon stops and starts. */
  async pass(ms: number): Promise<void> {
    for (const end = this.clock.now() + ms; this.clock.now() < end; ) {
      await this.clock.advance(MINUTE * (1 + this.random.below(30)))
      this.look()
      if (this.random.below(6) === 0) await this.update()
      if (this.random.below(25) === 0) await this.restart()
    }
  }

  private async update(): Promise<void> {
    const ttl = 60 * (1 + this.random.below(this.longest / 60))
    const updates = [`h${this.random.below(5)} ${ttl} IN A 192.0.2.${this.random.below(250)}`]
    for (const zone of this.zones) await zone.update(updateMessage({ updates }), { key: KEY })
    this.look()
  }

  /** The parent takes over what CDS says, and, where it can't be asked, somebody says so. */
  async parentFollows(): Promise<void> {
    const cds = this.zones[0]!.contents.rrset(ORIGIN, Type.CDS)?.rdatas ?? []
    if (cds.length === 0) return
    const deleted = readRdata('CDS', cds[0]!).algorithm === 0
    this.parentRdatas = deleted ? [] : cds
    const named = this.parentRdatas.map(rdata => readRdata('DS', rdata)).map(idOf)
    this.ds.set(named, this.clock.now())
    this.look()
    await this.pass(HOUR)
    const asked = this.ring?.cds().filter(rdata => readRdata('CDS', rdata).algorithm !== 0) ?? []
    const done =
      asked.length === this.parentRdatas.length &&
      asked.every(one => this.parentRdatas.some(ds => !Buffer.compare(ds, one)))
    if (!this.asksParent && done && this.ring?.isWaitingForParent) await this.ring.dsSeen()
  }

  /** Takes down what is served now, every signature checked, and looks whether anybody may find it bogus. */
  look(): void {
    const now = this.clock.now()
    for (const [i, zone] of this.zones.entries()) this.take(zone, this.views[i]!, now)
    const held = { zone: this.longest * 1000 + PROPAGATION, keys: HOUR + PROPAGATION, parent: 2 * HOUR + PROPAGATION }
    for (const { keySet, rrsets } of this.views) {
      const [fault] = faults(now, held, this.ds, keySet, [...rrsets.values()])
      if (fault) throw new Error(`${new Date(now).toISOString()}: ${fault}`)
    }
  }

  private take(
    zone: PrimaryZone,
    view: { keySet: History<KeySet>; rrsets: Map<string, History<Signers>> },
    now: number,
  ) {
    const version = zone.contents
    const known = [...(zone.keyRing?.keys ?? [])].map(({ dnskey, keyTag, algorithm }) => ({
      dnskey,
      keyTag,
      algorithm,
    }))
    for (const { keyTag } of known) this.keysSeen.add(keyTag)
    const published = version.rrset(ORIGIN, Type.DNSKEY)?.rdatas ?? []
    const keys = known.filter(({ dnskey }) => published.some(rdata => Buffer.compare(rdata, dnskey) === 0))
    view.keySet.set(
      { keys: keys.map(idOf), signers: this.signers(version, known, Type.DNSKEY).map(({ keyTag }) => keyTag) },
      now,
    )
    for (const rrset of version.rrsets()) {
      if (
        rrset.type === Type.RRSIG ||
        rrset.type === Type.DNSKEY ||
        rrset.type === Type.CDS ||
        rrset.type === Type.CDNSKEY
      )
        continue
      const name = `${nameKey(rrset.owner)}/${rrset.type}`
      const signers = this.signers(version, known, rrset.type, rrset.owner).map(idOf)
      const history = view.rrsets.get(name)
      if (history) history.set(signers, now)
      else view.rrsets.set(name, new History(signers, now))
    }
  }

  private readonly verified = new Map<string, boolean>()

  /** The keys whose signatures of the RRset hold now, and will while it is cached. */
  private signers(
    version: ZoneVersion,
    known: { dnskey: Uint8Array; keyTag: number; algorithm: number }[],
    type: number,
    owner = ORIGIN,
  ) {
    const rrset = version.rrset(owner, type)
    const rrsigs = (version.rrset(owner, Type.RRSIG)?.rdatas ?? []).filter(one => Rrsig.typeCovered(one) === type)
    const now = Math.floor(this.clock.now() / 1000)
    return known.filter(({ dnskey }) =>
      rrsigs.some(rrsig => {
        if (!rrset || Rrsig.expiration(rrsig) < now + rrset.ttl) return false
        const id = Buffer.concat([rrsig, dnskey, ...rrset.rdatas]).toString('latin1')
        let holds = this.verified.get(id)
        if (holds === undefined) this.verified.set(id, (holds = verifyRRset(rrset, rrsig, dnskey, now) === undefined))
        return holds
      }),
    )
  }

  /** Everybody does what is asked of them until nothing is to be done. */
  async settleDown(): Promise<void> {
    for (let i = 0; i < 12; i++) {
      await this.parentFollows()
      await this.pass(4 * HOUR)
    }
  }

  get stages(): string[] {
    return (this.ring?.keys ?? []).map(
      ({ role, algorithm, publication, trust, signing }) =>
        `${role} ${algorithm}${isIn(publication) ? ' published' : ''}${isIn(signing) ? ' signing' : ''}${isIn(trust) ? ' trusted' : ''}`,
    )
  }
}

/** A zone that its parent trusts. */
async function trusted(seed: number, dnssec: Dnssec): Promise<World> {
  const world = new World(seed)
  world.dnssec = dnssec
  await world.start()
  await world.settleDown()
  if (world.ds.current.length === 0) throw new Error('the parent has no DS')
  return world
}

const CSK = 'csk 15 published signing trusted'
const SPLIT = ['ksk 15 published trusted', 'zsk 15 published signing']

t.test('a CSK gives way to another, with nothing bogus to anybody on the way', async t => {
  for (const seed of [1, 2]) {
    const world = await trusted(seed, SIGN)
    world.asksParent = seed === 2
    const [before] = world.ring!.keys
    await world.ring!.rollover()
    await world.settleDown()
    t.strictSame(world.stages, [CSK])
    t.not(world.ring!.keys[0]!.keyTag, before!.keyTag)
    for (const zone of world.zones) t.strictSame(faultsOf(zone.contents, world.clock.now() / 1000), [])
  }
})

t.test('a ZSK and a KSK give way at once or one by one', async t => {
  const world = await trusted(3, { ...SIGN, keys: 'ksk-zsk' })
  const tags = () => world.ring!.keys.map(({ keyTag }) => keyTag)
  const first = tags()
  const zsk = world.ring!.keys.find(({ role }) => role === 'zsk')!
  await world.ring!.rollover(zsk.keyTag)
  await t.rejects(world.ring!.rollover(zsk.keyTag), { message: `no key ${zsk.keyTag} is in use` })
  await world.settleDown()
  t.strictSame(world.stages, SPLIT)
  t.equal(tags().filter(tag => first.includes(tag)).length, 1, 'the KSK stays')
  await world.ring!.rollover()
  await world.settleDown()
  t.strictSame(world.stages, SPLIT)
  t.equal(tags().filter(tag => first.includes(tag)).length, 0)
})

t.test('another algorithm: signatures first, then keys, then DS (RFC 6781 §4.1.4)', async t => {
  const world = await trusted(4, { ...SIGN, algorithm: 'ecdsa-p256' })
  await world.reload(SIGN)
  t.strictSame(world.stages, ['csk 13 published signing trusted', 'csk 15 signing'])
  await world.settleDown()
  t.strictSame(world.stages, [CSK])
})

t.test('one key becomes two, and two one', async t => {
  const world = await trusted(5, SIGN)
  await world.reload({ ...SIGN, keys: 'ksk-zsk' })
  await world.settleDown()
  t.strictSame(world.stages, SPLIT)
  await world.reload(SIGN)
  await world.settleDown()
  t.strictSame(world.stages, [CSK])
})

t.test('a zone that is not to be signed any more is, until no cache has its DS', async t => {
  const world = await trusted(6, SIGN)
  await world.reload(undefined)
  await world.pass(MINUTE)
  const cds = () => world.zones[0]!.contents.rrset(ORIGIN, Type.CDS)?.rdatas
  t.strictSame(cds(), [Uint8Array.of(0, 0, 0, 0, 0)], 'RFC 8078 §4')
  await world.pass(DAY)
  t.ok(cds(), 'nobody has said that it is gone')
  await world.settleDown()
  for (const zone of world.zones) t.notOk(zone.contents.rrset(ORIGIN, Type.RRSIG))
  await world.restart()
  t.notOk(world.ring)
  t.match([...world.files.files.values()][0]!.text, '"keys": []', 'the keys are deleted')
  await world.reload(SIGN)
  await world.settleDown()
  t.strictSame(world.stages, [CSK], 'and it may be signed again')
})

t.test('keys give way by themselves when their time is over', async t => {
  const world = await trusted(7, { ...SIGN, keys: 'ksk-zsk', zsk_lifetime: 4 * DAY, ksk_lifetime: 9 * DAY })
  world.asksParent = true
  for (let day = 0; day < 20; day++) {
    await world.parentFollows()
    await world.pass(DAY)
  }
  t.ok(world.keysSeen.size >= 6, `${world.keysSeen.size} keys`)
})
