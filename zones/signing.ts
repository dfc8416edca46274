import type { ZoneConfig } from '../config/schema.ts'
import { ALGORITHM_CODES } from '../config/view-schema.ts'
import type { Name } from '../dns/name.ts'
import type { ResourceRecord } from '../dns/record.ts'
import { Type } from '../dns/types.ts'
import type { Clock } from '../host/clock.ts'
import type { Log } from '../host/log.ts'
import type { Random } from '../host/random.ts'
import { recordsIn } from './baseline.ts'
import type { KeyRing, KeyRings } from './keys.ts'
import { SigningMaintenance, withoutSigning } from './maintain.ts'
import { SIGNATURE_TIMES } from './sign/signatures.ts'
import { SIGNER_TYPES, ZoneSigner } from './sign.ts'
import type { ZoneWriter } from './writer.ts'
import type { ZoneImage } from './zone.ts'

/** What signing a zone needs of the world. */
export interface SigningDependencies {
  keyRings?: KeyRings
  random?: Random
  clock: Clock
  log: Log
}

/** The keys of a signed zone, and what signs with them. */
export interface Signing {
  ring: KeyRing
  signer: ZoneSigner
}

/** Signing as the config asks for it; undefined of a zone that is not signed. Rejects with KeyFileError. */
export async function openSigning(
  { name, dnssec }: ZoneConfig,
  { keyRings, random, clock, log }: SigningDependencies,
): Promise<Signing | undefined> {
  if (!dnssec?.sign) return undefined
  if (!keyRings || !random) throw new Error('there is no place for the keys of signed zones')
  const policy = { algorithm: ALGORITHM_CODES[dnssec.algorithm], split: dnssec.keys === 'ksk-zsk' }
  const ring = await keyRings.open(name, policy)
  if (!ring.fits(policy))
    log.warn({ ...dnssec }, 'the zone goes on with the keys that it has, which are not as configured')
  const signer = new ZoneSigner({
    keys: () => ring.active(),
    nsec3: dnssec.nsec3,
    times: SIGNATURE_TIMES,
    clock,
    random,
  })
  return { ring, signer }
}

/** Brings the zone, which is not served yet, up to date with its keys and the time; gives what keeps it so. */
export async function catchUpSigning(
  signing: Signing | undefined,
  origin: Name,
  writer: ZoneWriter,
  deps: SigningDependencies,
): Promise<Pick<SigningMaintenance, 'start' | 'stop'>> {
  if (!signing) {
    await endSigning(origin, writer, deps)
    return { start() {}, stop() {} }
  }
  const maintenance = new SigningMaintenance({ ...signing, ...deps, writer })
  await maintenance.catchUp()
  return maintenance
}

/** A zone that was signed here and is no more to be: what signing made is deleted. Signatures of others are data like any other. */
async function endSigning(origin: Name, writer: ZoneWriter, { keyRings, log }: SigningDependencies): Promise<void> {
  const ring = await keyRings?.find(origin)
  const keys = writer.image.latest().rrset(origin, Type.DNSKEY)
  if (!ring || !keys?.rdatas.some(rdata => ring.has(rdata))) return
  await writer.write({ key: undefined, source: 'dnssec' }, withoutSigning)
  log.warn({}, 'the zone is not signed any more: its DS must be gone from the parent zone')
}

/** The records of a file's image; what another signer has made is left out where the zone is signed here. */
export function* dataIn(image: ZoneImage, { dnssec }: ZoneConfig): Generator<ResourceRecord> {
  for (const record of recordsIn(image.latest())) if (!dnssec?.sign || !SIGNER_TYPES.has(record.type)) yield record
}
