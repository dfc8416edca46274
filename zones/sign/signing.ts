import { ALGORITHM_CODES, type DnssecConfig } from '../../config/dnssec-schema.ts'
import type { ZoneConfig } from '../../config/schema.ts'
import type { ResourceRecord } from '../../dns/record.ts'
import { Type } from '../../dns/types.ts'
import type { Clock } from '../../host/clock.ts'
import type { Log } from '../../host/log.ts'
import type { Random } from '../../host/random.ts'
import { recordsIn } from '../history/baseline.ts'
import type { KeyRing, KeyRings } from '../keys/keys.ts'
import type { RingMember } from '../keys/ring.ts'
import type { ZoneWriter } from '../write/writer.ts'
import type { ZoneImage, ZoneVersion } from '../zone.ts'
import { isSignedBy, SigningMaintenance } from './maintain.ts'
import { SIGNER_TYPES, ZoneSigner } from './sign.ts'
import { SIGNATURE_TIMES } from './signatures.ts'

/** What signing a zone needs of the world. */
export interface SigningDependencies {
  keyRings?: KeyRings
  random?: Random
  clock: Clock
  log: Log
  /** Whether other threads make the signatures of many RRsets at once. */
  signAside?: boolean
}

/** The keys of a signed zone, and what signs with them. */
export interface Signing {
  ring: KeyRing
  signer: ZoneSigner
}

/** The ring of the zone's keys; undefined where the zone is not to be signed and never was. Rejects with KeyFileError. */
export async function findKeys(
  { name, dnssec }: ZoneConfig,
  { keyRings }: SigningDependencies,
): Promise<KeyRing | undefined> {
  if (dnssec?.sign && !keyRings) throw new Error('there is no place for the keys of signed zones')
  const ring = await keyRings?.of(name)
  return dnssec?.sign || ring?.isUsed ? ring : undefined
}

/** What signs the zone with the ring's keys. A zone that is not to be signed any more is, until its parent has no DS for it. */
export function signingWith(
  ring: KeyRing,
  { dnssec }: ZoneConfig,
  version: ZoneVersion,
  { random, clock }: SigningDependencies,
): Signing | undefined {
  if (!dnssec?.sign && !isSignedBy(version, ring)) return undefined
  if (!random) throw new Error('signatures need randomness')
  const signer = new ZoneSigner({
    keys: () => ring.active(),
    nsec3: dnssec?.sign ? dnssec.nsec3 : provesByNsec3(version),
    times: SIGNATURE_TIMES,
    clock,
    random,
    noticeTtl: ttl => ring.noticeTtl(ttl),
  })
  return { ring, signer }
}

/** What keeps a zone signed while it is served. */
export type Upkeep = Pick<SigningMaintenance, 'start' | 'stop'>

/** Brings the zone, which is not served yet, up to date with its keys and the time; gives what keeps it so. */
export async function catchUpSigning(
  signing: Signing | undefined,
  view: string,
  { dnssec }: ZoneConfig,
  writer: ZoneWriter,
  { clock, log, signAside: aside }: SigningDependencies,
): Promise<Upkeep> {
  if (!signing) return { start() {}, stop() {} }
  const { ring } = signing
  const maintenance = new SigningMaintenance({ ...signing, view, clock, log, aside, writer })
  const member: RingMember = { wake: () => maintenance.wake() }
  if (dnssec?.sign) member.policy = policyOf(dnssec)
  else log.warn({}, 'the zone is not to be signed any more: it is until its parent has no DS for it')
  await ring.join(view, member)
  await maintenance.catchUp()
  return maintenance
}

function policyOf(dnssec: DnssecConfig): NonNullable<RingMember['policy']> {
  const { algorithm, keys, ksk_lifetime: ksk, zsk_lifetime: zsk } = dnssec
  return {
    algorithm: ALGORITHM_CODES[algorithm],
    split: keys === 'ksk-zsk',
    lifetime: { ...(ksk !== undefined && { ksk, csk: ksk }), ...(zsk !== undefined && { zsk }) },
    lags: {
      propagation: dnssec.propagation_delay,
      parentPropagation: dnssec.parent_propagation_delay,
      dsTtl: dnssec.parent_ds_ttl,
    },
  }
}

function provesByNsec3(version: ZoneVersion): boolean {
  return version.rrset(version.origin, Type.NSEC3PARAM) !== undefined
}

/** The records of a file's image; what another signer has made is left out where the zone is signed here. */
export function* dataIn(image: ZoneImage, { dnssec }: ZoneConfig): Generator<ResourceRecord> {
  for (const record of recordsIn(image.latest())) if (!dnssec?.sign || !SIGNER_TYPES.has(record.type)) yield record
}
