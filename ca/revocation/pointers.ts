import { issuerUrls } from '../hierarchy/ca-certificate.ts'
import type { Profile } from '../issue/profiles.ts'
import { authorityInfoAccess, crlDistributionPoint } from '../x509/extensions.ts'

/** Where a part of an issuer's CRLs is (RFC 5280 §4.2.1.13, §5.2.5); without a part, the whole. */
export function crlUrl(httpUrl: string, issuer: string, partition: number | undefined): string {
  const { crl } = issuerUrls(httpUrl, issuer)
  return partition === undefined ? crl : crl.replace(/\.crl$/, `/${partition}.crl`)
}

/** The part of its issuer's CRLs in which a certificate is listed; undefined where there is only the whole. */
export function partitionOf(serial: string, partitions: number): number | undefined {
  return partitions > 1 ? Number.parseInt(serial.slice(-8), 16) % partitions : undefined
}

/** The extensions by which a leaf points at its issuer, as its profile has them; none without a base URL. */
export function leafPointers(
  issuer: { id: string },
  httpUrl: string | undefined,
  { ocsp, crl }: Pick<Profile, 'ocsp' | 'crl'>,
  partition: number | undefined,
): Uint8Array[] {
  if (httpUrl === undefined) return []
  const urls = issuerUrls(httpUrl, issuer.id)
  return [
    authorityInfoAccess({ ...(ocsp && { ocsp: urls.ocsp }), issuer: urls.certificate }),
    ...(crl ? [crlDistributionPoint(crlUrl(httpUrl, issuer.id, partition))] : []),
  ]
}
