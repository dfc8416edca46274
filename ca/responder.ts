import { id_pkix_ocsp_nocheck } from '@peculiar/asn1-ocsp'
import { KeyUsageFlags } from '@peculiar/asn1-x509'
import type { Clock } from '../host/clock.ts'
import type { Random } from '../host/random.ts'
import type { CaCertificate } from './ca-certificate.ts'
import type { CertificateStore } from './certificate-store.ts'
import { distinguishedName } from './distinguished-name.ts'
import {
  authorityKeyIdentifier,
  basicConstraints,
  encodeExtension,
  extendedKeyUsage,
  keyUsage,
  subjectKeyIdentifier,
} from './extensions.ts'
import { makeKey, type Signer } from './keystore.ts'
import type { Responder } from './ocsp.ts'
import { wholeSeconds } from './profiles.ts'
import { keyIdentifier } from './public-key.ts'
import { encodeTbsCertificate, fingerprint, formatSerial, signStructure } from './x509.ts'

/** What making responders needs. */
export interface ResponderDeps {
  store: CertificateStore
  clock: Clock
  random: Random
}

const DAY = 86_400_000
const LIFE = 14 * DAY
const BACKDATE = 3_600_000

/**
 * Responders by issuer: each a key that never leaves memory, with a short-lived certificate that lets it sign the issuer's OCSP
 * responses and nothing else (RFC 6960 §4.2.2.2), made at first use and again at half of its life.
 */
export function createResponders(deps: ResponderDeps): (issuer: CaCertificate) => Promise<Responder> {
  const byIssuer = new Map<string, { made: Promise<Responder>; until: number }>()
  return issuer => {
    const known = byIssuer.get(issuer.id)
    const now = deps.clock.now()
    if (known && now < known.until && known.until - now <= LIFE) return known.made
    const made = makeResponder(deps, issuer)
    byIssuer.set(issuer.id, { made, until: now + LIFE / 2 })
    made.catch(() => byIssuer.delete(issuer.id))
    return made
  }
}

async function makeResponder(deps: ResponderDeps, issuer: CaCertificate): Promise<Responder> {
  const now = deps.clock.now()
  const { signer } = await makeKey('ecdsa-p256')
  const serial = formatSerial(deps.random.bytes(16))
  await deps.store.reserveSerial({ serial, issuer: issuer.id, reservedAt: now })
  const template = responderTemplate(issuer, signer, serial, now)
  const der = await signStructure(encodeTbsCertificate(template, issuer.signer.algorithm), issuer.signer)
  const { notBefore, notAfter } = template
  const keyHash = fingerprint(signer.publicKey)
  const record = {
    serial,
    issuer: issuer.id,
    profile: 'ocsp',
    identifiers: [],
    notBefore,
    notAfter,
    issuedAt: now,
    der,
    keyHash,
  }
  await deps.store.storeCertificate(record)
  return { signer, certificates: [der, issuer.der] }
}

function responderTemplate(issuer: CaCertificate, signer: Signer, serial: string, now: number) {
  return {
    serial,
    issuer: issuer.subject,
    subject: distinguishedName({ commonName: `${issuer.commonName.slice(0, 50)} OCSP` }),
    notBefore: Math.max(wholeSeconds(now - BACKDATE), issuer.notBefore),
    notAfter: Math.min(wholeSeconds(now + LIFE) - 1000, issuer.notAfter),
    publicKey: signer.publicKey,
    extensions: [
      basicConstraints(false),
      keyUsage(KeyUsageFlags.digitalSignature),
      extendedKeyUsage(['ocsp']),
      subjectKeyIdentifier(keyIdentifier(signer.publicKey)),
      authorityKeyIdentifier(issuer.id),
      // RFC 6960 §4.2.2.2.1: nobody needs to ask about the responder itself; NULL.
      encodeExtension(id_pkix_ocsp_nocheck, false, Uint8Array.of(5, 0)),
    ],
  }
}
