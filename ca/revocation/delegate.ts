import type { KeyUsageFlags } from '@peculiar/asn1-x509'
import type { Clock } from '../../host/clock.ts'
import type { Random } from '../../host/random.ts'
import type { CaCertificate } from '../hierarchy/ca-certificate.ts'
import { wholeSeconds } from '../issue/profiles.ts'
import type { CertificateStore } from '../store/certificate-store.ts'
import { distinguishedName } from '../x509/distinguished-name.ts'
import {
  authorityKeyIdentifier,
  basicConstraints,
  extendedKeyUsage,
  keyUsage,
  type Purpose,
  subjectKeyIdentifier,
} from '../x509/extensions.ts'
import { keyIdentifier } from '../x509/public-key.ts'
import { encodeTbsCertificate, fingerprint, formatSerial, signStructure } from '../x509/x509.ts'

/** A part of the CA that speaks for an issuer with a key of its own. */
export interface Delegation {
  /** Stands after the issuer's name, and for the certificate's profile where it is kept. */
  role: string
  profile: string
  /** DER SubjectPublicKeyInfo. */
  publicKey: Uint8Array
  usage: KeyUsageFlags
  purpose: Purpose
  /** Milliseconds from now; it never outlives the issuer. */
  life: number
  /** DER Extensions beside those that all have. */
  extensions?: readonly Uint8Array[]
}

/** What certifying delegates needs. */
export interface DelegateDeps {
  store: CertificateStore
  clock: Clock
  random: Random
}

const BACKDATE = 3_600_000
/** RFC 5280 appendix A.1 allows 64 characters. */
const NAME_ROOM = 50

/** Certifies a delegate; the DER certificate is in the store and the record. */
export async function certifyDelegate(
  { store, clock, random }: DelegateDeps,
  issuer: CaCertificate,
  wanted: Delegation,
): Promise<Uint8Array> {
  const { role, profile, publicKey, usage, purpose, life, extensions = [] } = wanted
  const now = clock.now()
  const serial = formatSerial(random.bytes(16))
  await store.reserveSerial({ serial, issuer: issuer.id, reservedAt: now })
  const validity = {
    notBefore: Math.max(wholeSeconds(now - BACKDATE), issuer.notBefore),
    notAfter: Math.min(wholeSeconds(now + life) - 1000, issuer.notAfter),
  }
  const template = {
    serial,
    issuer: issuer.subject,
    subject: distinguishedName({ commonName: `${issuer.commonName.slice(0, NAME_ROOM)} ${role}` }),
    ...validity,
    publicKey,
    extensions: [
      basicConstraints(false),
      keyUsage(usage),
      extendedKeyUsage([purpose]),
      subjectKeyIdentifier(keyIdentifier(publicKey)),
      authorityKeyIdentifier(issuer.id),
      ...extensions,
    ],
  }
  const der = await signStructure(encodeTbsCertificate(template, issuer.signer.algorithm), issuer.signer)
  await store.storeCertificate({
    serial,
    issuer: issuer.id,
    profile,
    identifiers: [],
    ...validity,
    issuedAt: now,
    der,
    keyHash: fingerprint(publicKey),
  })
  return der
}
