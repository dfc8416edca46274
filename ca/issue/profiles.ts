import type { ProfileConfig } from '../../config/ca-schema.ts'
import type { Random } from '../../host/random.ts'
import { kindOfKey } from '../x509/public-key.ts'

/** What every certificate of one kind has in common. Times in milliseconds. */
export type Profile = ProfileConfig

/** First and last moment of a certificate's validity, in milliseconds, whole seconds, both included (RFC 5280 §4.1.2.5). */
export interface Validity {
  notBefore: number
  notAfter: number
}

const SECOND = 1000

/** A profile that says no more than it must: for certificates of our own. */
export function plainProfile(own: Pick<Profile, 'name' | 'validity' | 'backdate' | 'usages'>): Profile {
  return {
    ...own,
    jitter: 0,
    keys: ['ecdsa-p256'],
    san: ['dns', 'ip'],
    max_names: 100,
    renewable: false,
    server_keys: false,
    common_name: true,
    subject: {},
    ocsp: true,
    crl: true,
    policies: [],
    must_staple: false,
    extensions: [],
  }
}

/** Why a key (DER SubjectPublicKeyInfo) is not certified under the profile; undefined where it is. */
export function keyRefusal({ name, keys }: Pick<Profile, 'name' | 'keys'>, publicKey: Uint8Array): string | undefined {
  const kind = kindOfKey(publicKey)
  const bits = rsaBits(kind)
  const fits = keys.some(key => key === kind || (bits > 0 && rsaBits(key) > 0 && bits >= rsaBits(key)))
  return fits ? undefined : `the profile "${name}" takes keys of the kinds ${keys.join(', ')}, not ${kind}`
}

function rsaBits(kind: string): number {
  return Number(/^rsa-(\d+)$/.exec(kind)?.[1] ?? 0)
}

/** The profile of that name, or the first where none is asked for; undefined for an unknown name. */
export function chooseProfile(profiles: readonly Profile[], name?: string): Profile | undefined {
  return name === undefined ? profiles[0] : profiles.find(profile => profile.name === name)
}

/** The longest validity that any of the profiles gives: how long an intermediate must still live to be of use. */
export function longestValidity(profiles: readonly Profile[]): number {
  return Math.max(0, ...profiles.map(profile => profile.validity))
}

/**
 * When a certificate made now begins and ends: as the profile says, shortened to what was wished for and to the issuer's own
 * validity (a leaf never outlives its issuer). Undefined where nothing is left.
 */
export function validityPeriod(
  profile: Pick<Profile, 'validity' | 'backdate' | 'jitter'>,
  now: number,
  issuer: Validity,
  wished: { notBefore?: number | undefined; notAfter?: number | undefined },
  random: Random,
): Validity | undefined {
  const bounds = boundsOf(profile, now, issuer.notBefore)
  const notBefore = Math.max(bounds.earliest, wholeSeconds(wished.notBefore ?? 0))
  const latest = Math.min(bounds.latest, issuer.notAfter)
  const notAfter =
    wished.notAfter === undefined ? latest - spread(profile, random) : Math.min(latest, wholeSeconds(wished.notAfter))
  return notAfter > notBefore && notAfter > now ? { notBefore, notAfter } : undefined
}

/** Between what moments a certificate of the profile is valid that is made now, and that begins no sooner than its issuer does. */
export function boundsOf(
  profile: Pick<Profile, 'validity' | 'backdate'>,
  now: number,
  issuerBegins = 0,
): { earliest: number; latest: number } {
  const earliest = Math.max(wholeSeconds(now - profile.backdate), issuerBegins)
  // RFC 5280 §4.1.2.5: both ends are included, so the last second is not the first of the next period.
  return { earliest, latest: wholeSeconds(earliest + profile.validity) - SECOND }
}

/** So that certificates made in one minute are not all renewed in one minute, by clients that don't know RFC 9773. */
function spread(profile: Pick<Profile, 'validity' | 'jitter'>, random: Random): number {
  const seconds = Math.floor((profile.validity * profile.jitter) / SECOND)
  return seconds > 0 ? random.below(seconds + 1) * SECOND : 0
}

/** The moment at or before `time` that ASN.1 can say. */
export function wholeSeconds(time: number): number {
  return Math.floor(time / SECOND) * SECOND
}
