import { BmpString, fromBER, ObjectIdentifier } from 'asn1js'
import { Attribute, AuthenticatedSafe, CertBag, Certificate, PFX, SafeBag, SafeContents } from 'pkijs'
import type { TrustedCertificate } from './jks.ts'

/** RFC 7292 §4.2.3 certBag, RFC 2985 §5.5.1 friendlyName. */
const CERT_BAG = '1.2.840.113549.1.12.10.1.3'
const FRIENDLY_NAME = '1.2.840.113549.1.9.20'
/** Java takes a certificate for a trust anchor only with this attribute; its value is anyExtendedKeyUsage (RFC 5280 §4.2.1.12). */
const TRUSTED_KEY_USAGE = '2.16.840.1.113894.746875.1.1'
const ANY_EXTENDED_KEY_USAGE = '2.5.29.37.0'

const ITERATIONS = 10_000

/** A PKCS#12 trust store (RFC 7292): certificates in the clear, for they are not secret, guarded by an HMAC-SHA-256 under the password. */
export async function writeP12(certificates: readonly TrustedCertificate[], password: string): Promise<Uint8Array> {
  const safe = new SafeContents({ safeBags: certificates.map(bag) })
  const authenticatedSafe = new AuthenticatedSafe({ parsedValue: { safeContents: [{ privacyMode: 0, value: safe }] } })
  await authenticatedSafe.makeInternalValues({ safeContents: [{}] })
  const pfx = new PFX({ parsedValue: { integrityMode: 0, authenticatedSafe } })
  await pfx.makeInternalValues({
    password: Uint8Array.from(Buffer.from(password)).buffer,
    iterations: ITERATIONS,
    pbkdf2HashAlgorithm: 'SHA-256',
    hmacHashAlgorithm: 'SHA-256',
  })
  return new Uint8Array(pfx.toSchema().toBER())
}

function bag({ alias, der }: TrustedCertificate): SafeBag {
  return new SafeBag({
    bagId: CERT_BAG,
    bagValue: new CertBag({ parsedValue: new Certificate({ schema: fromBER(Uint8Array.from(der).buffer).result }) }),
    bagAttributes: [
      new Attribute({ type: FRIENDLY_NAME, values: [new BmpString({ value: alias })] }),
      new Attribute({ type: TRUSTED_KEY_USAGE, values: [new ObjectIdentifier({ value: ANY_EXTENDED_KEY_USAGE })] }),
    ],
  })
}
