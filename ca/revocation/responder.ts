import { id_pkix_ocsp_nocheck } from '@peculiar/asn1-ocsp'
import { KeyUsageFlags } from '@peculiar/asn1-x509'
import type { CaCertificate } from '../hierarchy/ca-certificate.ts'
import { makeKey } from '../hierarchy/keystore.ts'
import { encodeExtension } from '../x509/extensions.ts'
import { certifyDelegate, type DelegateDeps } from './delegate.ts'
import type { Responder } from './ocsp.ts'

const DAY = 86_400_000
const LIFE = 14 * DAY

/**
 * Responders by issuer: each a key that never leaves memory, with a short-lived certificate that lets it sign the issuer's OCSP
 * responses and nothing else (RFC 6960 §4.2.2.2), made at first use and again at half of its life.
 */
export function createResponders(deps: DelegateDeps): (issuer: CaCertificate) => Promise<Responder> {
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

async function makeResponder(deps: DelegateDeps, issuer: CaCertificate): Promise<Responder> {
  const { signer } = await makeKey('ecdsa-p256')
  const der = await certifyDelegate(deps, issuer, {
    role: 'OCSP',
    profile: 'ocsp',
    publicKey: signer.publicKey,
    usage: KeyUsageFlags.digitalSignature,
    purpose: 'ocsp',
    life: LIFE,
    // RFC 6960 §4.2.2.2.1: nobody needs to ask about the responder itself; NULL.
    extensions: [encodeExtension(id_pkix_ocsp_nocheck, false, Uint8Array.of(5, 0))],
  })
  return { signer, certificates: [der, issuer.der] }
}
