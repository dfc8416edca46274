import { createHash, X509Certificate } from 'node:crypto'
import { timestamp } from '../acme/states.ts'
import { readCertificate } from '../x509/certificate-facts.ts'
import { derBlocks, fingerprint, pemOf } from '../x509/x509.ts'

/** A trust anchor that is handed out. */
export interface TrustedRoot {
  subject: string
  serial: string
  /** "0A:1B:…", for a human to compare. */
  sha256: string
  /** RFC 3339. */
  not_before: string
  not_after: string
  /** PEM. */
  certificate: string
}

/** The roots of these PEM texts, each once, in their order. Throws where a text holds no certificate. */
export function trustedRoots(pems: readonly string[]): TrustedRoot[] {
  const ders = pems.flatMap(pem => {
    const found = derBlocks('CERTIFICATE', pem)
    if (found.length === 0) throw new TypeError('there is no certificate in PEM')
    return found
  })
  const each = new Map(ders.map(der => [fingerprint(der), der]))
  return [...each].map(([sha256, der]) => {
    const { commonName, serial, notBefore, notAfter } = readCertificate(der)
    return {
      subject: commonName,
      serial,
      sha256: fingerprintText(sha256),
      not_before: timestamp(notBefore),
      not_after: timestamp(notAfter),
      certificate: pemOf('CERTIFICATE', der),
    }
  })
}

/** SHA-256 in hex as humans compare it: "0A:1B:…". */
export function fingerprintText(sha256: string): string {
  return (sha256.toUpperCase().match(/../g) ?? []).join(':')
}

/** A tag that changes with the bundle (RFC 9110 §8.8.3). */
export function entityTag(roots: readonly TrustedRoot[]): string {
  const digest = createHash('sha256').update(roots.map(({ sha256 }) => sha256).join())
  return `"${digest.digest('hex').slice(0, 32)}"`
}

/** Seconds after which who follows the bundle should look again. */
const REFRESH_HINT = 3600

/** The bundle as SPIFFE has it (SPIFFE Trust Domain and Bundle §4): a JWK Set whose keys carry their certificate. */
export function spiffeBundle(roots: readonly TrustedRoot[]): object {
  const keys = roots.map(({ certificate }) => {
    const { publicKey, raw } = new X509Certificate(certificate)
    return { use: 'x509-svid', ...publicKey.export({ format: 'jwk' }), x5c: [raw.toString('base64')] }
  })
  // It only ever rises: a root that comes in is newer than those before it.
  const sequence = Math.max(0, ...roots.map(({ not_before }) => Date.parse(not_before) / 1000))
  return { spiffe_sequence: sequence, spiffe_refresh_hint: REFRESH_HINT, keys }
}
