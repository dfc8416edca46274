import { X509Certificate } from 'node:crypto'
import type { RootCertificate } from './replies.ts'
import { writeJks } from './truststore/jks.ts'

/** The formats in which roots are handed to what has to trust them. */
export const TRUST_FORMATS = ['pem', 'der', 'p12', 'jks'] as const
export type TrustFormat = (typeof TRUST_FORMATS)[number]

/** The roots in one of the formats; `now` is what a JKS says of when they came in. */
export async function writeTrustStore(
  format: TrustFormat,
  roots: readonly RootCertificate[],
  password: string,
  now: number,
): Promise<Uint8Array> {
  if (format === 'pem') return Buffer.from(roots.map(root => root.certificate).join(''))
  const certificates = roots.map((root, i) => ({
    alias: `namestead-root-${i + 1}`,
    der: new Uint8Array(new X509Certificate(root.certificate).raw),
  }))
  if (format === 'der') return Buffer.concat(certificates.map(one => one.der))
  if (format === 'jks') return writeJks(certificates, password, now)
  // Its library takes a while to load, and no other command needs it.
  const { writeP12 } = await import('./truststore/p12.ts')
  return writeP12(certificates, password)
}
