import fc from 'fast-check'
import { ipv4, ipv6 } from '../../dns/address.ts'
import { addressPrefixes } from '../../dns/apl.ts'
import * as fields from '../../dns/fields.ts'
import { ipsecGateway, optionalKey } from '../../dns/ipseckey.ts'
import { location } from '../../dns/location.ts'
import { type Name, printName } from '../../dns/name.ts'
import type { ResourceRecord } from '../../dns/record.ts'
import { type SvcParam, svcParams } from '../../dns/svcb.ts'
import { makeRdata, type Rdata, TYPES, type TypeName } from '../../dns/types.ts'

const octets = (min: number, max: number) => fc.uint8Array({ minLength: min, maxLength: max })
const integer = (max: number) => fc.oneof(fc.integer({ min: 0, max }), fc.constantFrom(0, 1, max))

/** Names of any octets, favouring letters in both cases and what is special in text. */
export const arbitraryName: fc.Arbitrary<Name> = fc
  .array(
    fc.oneof(
      fc.string({ unit: fc.constantFrom(...'aB0-_.\\";@$() *'), minLength: 1, maxLength: 9 }).map(s => Buffer.from(s)),
      octets(1, 63),
    ),
    { maxLength: 6 },
  )
  .map(labels => Uint8Array.from([...labels.flatMap(label => [label.length, ...label]), 0]))
  .filter(name => name.length <= 255)

/** SvcParams that may stand together (RFC 9460 §7, §8). */
const params: fc.Arbitrary<SvcParam[]> = fc
  .record(
    {
      alpn: fc.array(octets(1, 12), { minLength: 1, maxLength: 3 }),
      noDefaultAlpn: fc.boolean(),
      port: octets(2, 2),
      ipv4hint: fc.integer({ min: 1, max: 3 }).chain(n => octets(4 * n, 4 * n)),
      ech: octets(1, 20),
      ipv6hint: fc.integer({ min: 1, max: 2 }).chain(n => octets(16 * n, 16 * n)),
      dohpath: fc.string({ maxLength: 12, unit: fc.constantFrom(...'aé/"; ') }),
      others: fc.dictionary(fc.integer({ min: 9, max: 65534 }).map(String), octets(0, 12), { maxKeys: 3 }),
      mandatory: fc.boolean(),
    },
    { requiredKeys: ['others'] },
  )
  .map(choice => {
    const list: SvcParam[] = []
    const add = (key: number, value: Uint8Array | undefined) => value && list.push({ key, value })
    add(1, choice.alpn && Uint8Array.from(choice.alpn.flatMap(id => [id.length, ...id])))
    if (choice.alpn && choice.noDefaultAlpn) add(2, new Uint8Array())
    add(3, choice.port)
    add(4, choice.ipv4hint)
    add(5, choice.ech)
    add(6, choice.ipv6hint)
    add(7, choice.dohpath === undefined ? undefined : new Uint8Array(Buffer.from(`/${choice.dohpath}{?dns}`)))
    for (const [key, value] of Object.entries(choice.others)) add(Number(key), value)
    const keys = list.map(param => param.key).sort((a, b) => a - b)
    if (choice.mandatory && keys.length > 0) add(0, Uint8Array.from(keys.flatMap(key => [key >>> 8, key & 255])))
    return list.sort((a, b) => a.key - b.key)
  })

const length = fc
  .tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 0, max: 9 }))
  .map(([digit, power]) => digit * 10 ** power)
const place = fc.record({
  size: fc.oneof(length, fc.constant(0)),
  horizontal: length,
  vertical: length,
  latitude: fc.integer({ min: -324_000_000, max: 324_000_000 }),
  longitude: fc.integer({ min: -648_000_000, max: 648_000_000 }),
  altitude: fc.integer({ min: -10_000_000, max: 4_284_967_295 }),
})

const prefix = fc.constantFrom(1 as const, 2 as const).chain(family =>
  fc.record({
    family: fc.constant(family),
    prefix: fc.integer({ min: 0, max: family === 1 ? 32 : 128 }),
    negated: fc.boolean(),
    address: octets(family === 1 ? 4 : 16, family === 1 ? 4 : 16),
  }),
)

const gateway = fc.oneof(
  fc.record({ type: fc.constant(0), algorithm: integer(255), gateway: fc.constant(undefined) }),
  fc.record({ type: fc.constant(1), algorithm: integer(255), gateway: octets(4, 4) }),
  fc.record({ type: fc.constant(2), algorithm: integer(255), gateway: octets(16, 16) }),
  fc.record({ type: fc.constant(3), algorithm: integer(255), gateway: arbitraryName }),
)

const typeList = fc.uniqueArray(integer(65535), { maxLength: 12 }).map(types => types.sort((a, b) => a - b))

const BY_FIELD = new Map<unknown, fc.Arbitrary<unknown>>([
  [fields.u8, integer(255)],
  [fields.u16, integer(65535)],
  [fields.u32, integer(0xffffffff)],
  [fields.seconds, integer(0xffffffff)],
  [fields.timestamp, integer(0xffffffff)],
  [fields.characterString, octets(0, 255)],
  [fields.characterStrings, fc.array(octets(0, 40), { minLength: 1, maxLength: 4 })],
  [fields.remainingString, octets(0, 300)],
  [fields.tag, fc.stringMatching(/^[0-9A-Za-z]{1,15}$/)],
  [fields.base64, octets(1, 60)],
  [fields.hex, octets(1, 60)],
  [fields.salt, octets(0, 20)],
  [fields.hashedOwner, octets(1, 40)],
  [ipv4, octets(4, 4)],
  [
    ipv6,
    fc.oneof(
      octets(16, 16),
      fc.array(fc.constantFrom(0, 255), { minLength: 16, maxLength: 16 }).map(list => Uint8Array.from(list)),
    ),
  ],
  [svcParams, params],
  [location, place],
  [addressPrefixes, fc.array(prefix, { maxLength: 4 })],
  [ipsecGateway, gateway],
  [optionalKey, octets(0, 20)],
])

/** Fields that a row makes for itself. */
const BY_KEY: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  algorithm: integer(255),
  'CERT.type': integer(65535),
  'RRSIG.typeCovered': integer(65535),
  'EUI48.address': octets(6, 6),
  'EUI64.address': octets(8, 8),
  types: typeList,
}

/** Every type of the record table. */
export const typeNames = Object.keys(TYPES) as TypeName[]

/** The fields of a type with any values that it allows. */
export function arbitraryFields<N extends TypeName>(mnemonic: N): fc.Arbitrary<Rdata<N>> {
  const entries = Object.entries(TYPES[mnemonic].fields).map(([key, field]) => {
    const known =
      BY_KEY[`${mnemonic}.${key}`] ?? BY_FIELD.get(field) ?? (field.print === printName ? arbitraryName : BY_KEY[key])
    if (!known) throw new Error(`no arbitrary for ${mnemonic}.${key}`)
    return [key, known]
  })
  return fc.record(Object.fromEntries(entries)) as fc.Arbitrary<Rdata<N>>
}

/** A record of any type, known or not. */
export const arbitraryRecord: fc.Arbitrary<ResourceRecord> = fc
  .record({
    owner: arbitraryName,
    ttl: integer(0x7fffffff),
    data: fc.oneof(
      ...typeNames.map(mnemonic =>
        arbitraryFields(mnemonic).map(value => ({
          type: TYPES[mnemonic].code as number,
          rdata: makeRdata(mnemonic, value),
        })),
      ),
      // 65401 is ALIAS, whose RDATA is a name.
      fc.record({ type: fc.integer({ min: 65402, max: 65534 }), rdata: octets(0, 40) }),
    ),
  })
  .map(({ owner, ttl, data }) => ({ owner, ttl, class: 1, ...data }))
