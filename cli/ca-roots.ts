import { X509Certificate } from 'node:crypto'
import type { RootCertificate } from './replies.ts'
import { writeJks } from './truststore/jks.ts'

/** The formats in which roots are handed to what has to trust them. */
export const TRUST_FORMATS = ['pem', 'der', 'p12', 'jks', 'configmap'] as const
export type TrustFormat = (typeof TRUST_FORMATS)[number]
/** Those that may go to a terminal. */
export const TEXT_FORMATS: ReadonlySet<TrustFormat> = new Set(['pem', 'configmap'])

/** The roots in one of the formats; `now` is what a JKS says of when they came in. */
export async function writeTrustStore(
  format: TrustFormat,
  roots: readonly RootCertificate[],
  password: string,
  now: number,
): Promise<Uint8Array> {
  if (format === 'pem') return Buffer.from(roots.map(root => root.certificate).join(''))
  if (format === 'configmap') return Buffer.from(configMap(roots))
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

/** A Kubernetes manifest that trust-manager takes as the source of a Bundle; comments name what a human should compare. */
function configMap(roots: readonly RootCertificate[]): string {
  const compared = roots.map(
    ({ subject, sha256, not_after }) => `# ${subject}, until ${not_after}, SHA-256 ${sha256}\n`,
  )
  const lines = roots.flatMap(({ certificate }) => certificate.trimEnd().split('\n'))
  return `${compared.join('')}apiVersion: v1
kind: ConfigMap
metadata:
  name: namestead-roots
  namespace: cert-manager
data:
  ca.crt: |
${lines.map(line => `    ${line}\n`).join('')}`
}
