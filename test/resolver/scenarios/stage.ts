import { dsRdata } from '../../../dns/dnssec.ts'
import { equalNames, parseName } from '../../../dns/name.ts'
import { BEST_PARAMETERS } from '../../../dns/nsec3.ts'
import { Type } from '../../../dns/types.ts'
import type { ResolverLimits } from '../../../resolver/limits.ts'
import type { ResolverRule, StubRule } from '../../../resolver/resolver.ts'
import type { Trust, TrustAnchor } from '../../../resolver/validate/anchors.ts'
import { createSimulatedClock } from '../../simulation/clock.ts'
import { Tree } from '../validate/tree.ts'
import type { TestZone, ZoneSpec } from '../validate/zone.ts'
import { createWorld, upstream, type World } from '../world.ts'
import { changeField } from './fields.ts'
import { optionsOf, type Statement } from './language.ts'
import { Upstreams } from './upstreams.ts'

/** A resolver, and the upstreams around it, as the setting of a scenario has them. */
export interface Stage {
  world: World
  upstreams: Upstreams
}

const SETTING = new Set(['ZONE', 'RULE', 'STUB', 'ANCHOR', 'NTA', 'OWN', 'LIMIT', 'REBINDING', 'INTERNAL'])

/** Whether the statement says how things are, not what is done. */
export function isSetting({ keyword }: Statement): boolean {
  return SETTING.has(keyword)
}

export function buildStage(setting: readonly Statement[]): Stage {
  const of = (keyword: string) => setting.filter(statement => statement.keyword === keyword)
  const zones = of('ZONE').map(zoneOf)
  const tree = zones.length > 0 ? new Tree(zones, Math.floor(createSimulatedClock().now() / 1000)) : undefined
  const rules = of('RULE').map(ruleOf)
  if (rules.length === 0) rules.push(ruleOf({ words: ['.', '192.0.2.1', ...(tree ? ['validate'] : [])] }))
  const own = of('OWN').flatMap(({ words }) => words.map(word => parseName(word)))
  const names = (keyword: string) => of(keyword).flatMap(({ words }) => words.map(word => parseName(word)))
  const world = createWorld(
    {},
    {
      ...{ rules, stubs: of('STUB').map(stubOf), limits: limitsOf(of('LIMIT')) },
      ownName: name => own.some(one => equalNames(one, name)),
      ...(of('REBINDING').length > 0 && { mayBePrivate: names('REBINDING') }),
      ...(of('INTERNAL').length > 0 && { internal: names('INTERNAL') }),
      ...(tree && { trust: trustOf(tree, of('ANCHOR'), of('NTA')) }),
    },
  )
  return { world, upstreams: new Upstreams(world, tree) }
}

/** "ZONE apex word…", its records and the DS records of its parent below it. */
function zoneOf({ words, lines }: Statement): ZoneSpec {
  const [apex, ...rest] = words as [string, ...string[]]
  const options = optionsOf(rest)
  const number = (key: string) => (options.has(key) ? Number(options.get(key)) : undefined)
  const iterations = number('iterations') ?? 0
  const pointers = lines.filter(line => line.startsWith('ds '))
  const period = periodOf(options)
  const spec: ZoneSpec = { apex, records: lines.filter(line => !line.startsWith('ds ')) }
  if (options.has('unsigned')) spec.signed = false
  if (options.has('nsec3')) spec.nsec3 = { ...BEST_PARAMETERS, iterations, optOut: options.has('opt-out') }
  if (options.has('no-ds')) spec.ds = false
  if (options.has('algorithm')) spec.algorithm = number('algorithm')!
  if (options.has('disguise')) spec.disguise = number('disguise')!
  if (options.has('flags')) spec.flags = number('flags')!
  if (options.has('ttl')) spec.ttl = number('ttl')!
  if (pointers.length > 0) spec.pointers = zone => pointers.map(line => pointerTo(zone, line.slice(3)))
  return period ? { ...spec, period } : spec
}

function periodOf(options: ReadonlyMap<string, string>): ZoneSpec['period'] | undefined {
  if (options.has('expired')) return { inception: -7200, expiration: -3600 }
  if (options.has('early')) return { inception: 3600, expiration: 7200 }
  return options.has('valid') ? { inception: -3600, expiration: Number(options.get('valid')) } : undefined
}

/** The DS of a zone: "right", "old-digest" (SHA-1), or with fields changed: "tag=+1 algorithm=200". */
function pointerTo(zone: TestZone, changes: string): Uint8Array {
  let { ds } = zone
  if (changes === 'right') return ds
  if (changes === 'old-digest') return dsRdata(zone.apex, zone.dnskey, 1)!
  for (const [field, value] of optionsOf(changes.split(' '))) ds = changeField(Type.DS, ds, field, value)
  return ds
}

/** "RULE zone upstream… [validate] [latency]". */
function ruleOf({ words }: Pick<Statement, 'words'>): ResolverRule {
  const [zone, ...rest] = words as [string, ...string[]]
  const to = rest.filter(word => /[.:]/.test(word)).map(upstream)
  return { zone: parseName(zone), to, dnssec: rest.includes('validate') ? 'validate' : 'off' }
}

/** "STUB zone address…". */
function stubOf({ words }: Statement): StubRule {
  const [zone, ...addresses] = words as [string, ...string[]]
  return { zone: parseName(zone), to: addresses.map(address => ({ address, port: 53 })) }
}

/** "LIMIT maxTtl=60 prefetch=no". */
function limitsOf(statements: readonly Statement[]): Partial<ResolverLimits> {
  const entries = statements.flatMap(({ words }) => [...optionsOf(words)])
  return Object.fromEntries(entries.map(([key, value]) => [key, value === 'no' ? false : Number(value)]))
}

/** "ANCHOR zone [field=change…]" or "ANCHOR none"; left out, the root's. "NTA zone seconds". */
function trustOf(tree: Tree, anchors: readonly Statement[], exemptions: readonly Statement[]): Trust {
  const anchor = (zone: string, changes: string): TrustAnchor => ({
    ...{ zone: parseName(zone), type: Type.DS, rdata: pointerTo(tree.zone(zone), changes || 'right') },
  })
  const given = anchors.filter(({ words }) => words[0] !== 'none')
  const found = given.map(({ words: [zone, ...changes] }) => anchor(zone!, changes.join(' ')))
  const now = createSimulatedClock().now()
  return {
    anchors: anchors.length > 0 ? found : [anchor('.', '')],
    negative: exemptions.map(({ words: [zone, seconds] }) => ({
      zone: parseName(zone!),
      until: now + Number(seconds) * 1000,
    })),
  }
}
