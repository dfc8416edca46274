import { AsnConvert } from '@peculiar/asn1-schema'
import {
  CRLNumber,
  CRLReason,
  DistributionPointName,
  Extension,
  Extensions,
  GeneralName,
  IssuingDistributionPoint,
  id_ce_cRLNumber,
  id_ce_cRLReasons,
  id_ce_issuingDistributionPoint,
  Name,
  RevokedCertificate as RevokedEntry,
  TBSCertList,
  Time,
} from '@peculiar/asn1-x509'
import type { CaCertificate } from '../hierarchy/ca-certificate.ts'
import type { RevokedCertificate } from '../store/certificate-store.ts'
import { authorityKeyIdentifier, extension } from '../x509/extensions.ts'
import { algorithmIdentifier, arrayBuffer, encode, serialOctets, signStructure } from '../x509/x509.ts'

/** A signed CRL with what HTTP caching needs. Times in milliseconds. */
export interface Crl {
  der: Uint8Array
  number: number
  thisUpdate: number
  nextUpdate: number
}

/** What a CRL says besides its issuer. */
export type CrlContent = Omit<Crl, 'der'> & {
  revoked: readonly RevokedCertificate[]
  /** Of a part: where it is, as certificates name it. */
  url?: string
}

/** Signs a CRL of what this issuer revoked: of everything, or of the part that has a URL of its own (RFC 5280 §5). */
export async function signCrl(issuer: CaCertificate, content: CrlContent): Promise<Crl> {
  const { number, thisUpdate, nextUpdate } = content
  return { der: await signStructure(encodeTbsCertList(issuer, content), issuer.signer), number, thisUpdate, nextUpdate }
}

function encodeTbsCertList(issuer: CaCertificate, content: CrlContent): Uint8Array {
  const { number, thisUpdate, nextUpdate, revoked, url } = content
  const list = new TBSCertList({
    version: 1,
    signature: algorithmIdentifier(issuer.signer.algorithm),
    issuer: AsnConvert.parse(issuer.subject, Name),
    thisUpdate: new Time(thisUpdate),
    nextUpdate: new Time(nextUpdate),
    crlExtensions: new Extensions([
      AsnConvert.parse(authorityKeyIdentifier(issuer.id), Extension),
      extension(id_ce_cRLNumber, false, encode(new CRLNumber(number))),
      ...(url === undefined ? [] : [issuingDistributionPoint(url)]),
    ]),
  })
  // RFC 5280 §5.1.2.6: absent where nothing is revoked.
  if (revoked.length > 0) list.revokedCertificates = revoked.map(entryOf)
  return encode(list)
}

/** RFC 5280 §5.2.5: critical, so that nobody takes a part for the whole; parts hold no CA certificates. */
function issuingDistributionPoint(url: string): Extension {
  const fullName = [new GeneralName({ uniformResourceIdentifier: url })]
  const distributionPoint = new DistributionPointName({ fullName })
  const value = new IssuingDistributionPoint({ distributionPoint, onlyContainsUserCerts: true })
  return extension(id_ce_issuingDistributionPoint, true, encode(value))
}

function entryOf({ serial, at, reason }: RevokedCertificate): RevokedEntry {
  const entry = new RevokedEntry({
    userCertificate: arrayBuffer(serialOctets(serial)),
    revocationDate: new Time(at),
  })
  // RFC 5280 §5.3.1: the reason is left out rather than said to be unspecified.
  if (reason !== 0) entry.crlEntryExtensions = [extension(id_ce_cRLReasons, false, encode(new CRLReason(reason)))]
  return entry
}
