import { createPublicKey, type JsonWebKey, type KeyObject, verify } from 'node:crypto'
import { CertificationRequest } from '@peculiar/asn1-csr'
import { AsnConvert } from '@peculiar/asn1-schema'
import { Extensions, id_ce_subjectAltName, SubjectAlternativeName } from '@peculiar/asn1-x509'
import {
  type Identifier,
  IdentifierError,
  identifierOfHost,
  identifierText,
  parseIdentifier,
  uniqueIdentifiers,
} from './identifier.ts'
import { publicKeyOf, weakness } from './key-strength.ts'
import { SIGNATURES, type SignatureAlgorithm } from './keystore.ts'
import { commonNameOf, encode, identifiersOf, isPlainEcKey } from './x509.ts'

/** What we take from a PKCS#10 request: a proved key and names; all else in it is for us to decide. */
export interface SigningRequest {
  /** DER SubjectPublicKeyInfo. */
  publicKey: Uint8Array
  /** From the subject alternative names and the common name, each once, canonical, sorted. */
  identifiers: Identifier[]
}

/** A request that can't be signed; becomes `badCSR` (RFC 8555 §7.4). */
export class CsrError extends Error {
  override name = 'CsrError'
  readonly code = 'csr'
}

/** A longer request is no request: a hundred names and an RSA key of 8192 bits stay far below. */
export const MAX_CSR = 65_536

/**
 * Reads a DER CertificationRequest (RFC 2986 §4), proves that its sender holds the key, and that the key is fit. With `nameless` it may
 * leave its names to whoever sends it. Throws CsrError.
 */
export function readCsr(der: Uint8Array, options: { nameless?: boolean } = {}): SigningRequest {
  const request = parse(der)
  const publicKey = encode(request.certificationRequestInfo.subjectPKInfo)
  const key = publicKeyOf(publicKey)
  if (!key) throw new CsrError("its public key can't be read")
  refuseOddEncoding(publicKey, key)
  const weak = weakness(key)
  if (weak) throw new CsrError(weak)
  verifySignature(request, key)
  const identifiers = namesOf(request)
  if (identifiers.length === 0 && !options.nameless) throw new CsrError('it asks for no name')
  return { publicKey, identifiers }
}

/** RFC 8555 §7.4: the request names exactly the identifiers of the order. Throws CsrError that says which are too many or missing. */
export function checkNames(request: SigningRequest, identifiers: readonly Identifier[]): void {
  const asked = new Set(request.identifiers.map(identifierText))
  const ordered = new Set(identifiers.map(identifierText))
  const missing = [...ordered].filter(text => !asked.has(text))
  const extra = [...asked].filter(text => !ordered.has(text))
  if (missing.length > 0) throw new CsrError(`it lacks ${missing.join(', ')} of the order`)
  if (extra.length > 0) throw new CsrError(`it has ${extra.join(', ')}, not in the order`)
}

/** RFC 8555 §11.1: a certificate's key must not be an account's key. Throws CsrError. */
export function refuseAccountKey(request: SigningRequest, accountKey: JsonWebKey): void {
  const account = createPublicKey({ key: accountKey, format: 'jwk' }).export({ type: 'spki', format: 'der' })
  if (account.equals(request.publicKey)) throw new CsrError('its key is the key of the account; make another')
}

function parse(der: Uint8Array): CertificationRequest {
  if (der.length > MAX_CSR) throw new CsrError(`it has ${der.length} octets, at most ${MAX_CSR} are allowed`)
  try {
    const request = AsnConvert.parse(der, CertificationRequest)
    const { certificationRequestInfoRaw: info } = request
    if (!info || !isWhole(der)) throw new Error()
    // RFC 2986 §4.1: v1(0) is the only version.
    if (request.certificationRequestInfo.version !== 0) throw new Error()
    return request
  } catch {
    throw new CsrError('it is no DER CertificationRequest (RFC 2986 §4)')
  }
}

/** Whether the SEQUENCE ends where the bytes end. */
function isWhole(der: Uint8Array): boolean {
  const first = der[1] ?? 0
  if (first < 0x80) return der.length === 2 + first
  let length = 0
  for (const octet of der.subarray(2, 2 + (first & 0x7f))) length = length * 256 + octet
  return der.length === 2 + (first & 0x7f) + length
}

/** What is certified must be what everyone can read: other encodings of the same key are refused. */
function refuseOddEncoding(publicKey: Uint8Array, key: KeyObject): void {
  if (key.asymmetricKeyType === 'ec' && !isPlainEcKey(publicKey))
    throw new CsrError('its key must be on a named curve, its point not compressed (RFC 5480 §2.1.1, §2.2)')
  if (!key.export({ type: 'spki', format: 'der' }).equals(publicKey)) throw new CsrError('its public key is not in DER')
}

/** Which algorithms a kind of key signs with; SHA-1 and MD5 are not among them. */
const ALGORITHMS: Record<string, readonly SignatureAlgorithm[]> = {
  ec: [SIGNATURES['ecdsa-with-SHA256'], SIGNATURES['ecdsa-with-SHA384'], SIGNATURES['ecdsa-with-SHA512']],
  rsa: [SIGNATURES.sha256WithRSAEncryption, SIGNATURES.sha384WithRSAEncryption, SIGNATURES.sha512WithRSAEncryption],
  ed25519: [SIGNATURES.Ed25519],
}

function verifySignature(request: CertificationRequest, key: KeyObject): void {
  const { algorithm: oid } = request.signatureAlgorithm
  const algorithm = ALGORITHMS[key.asymmetricKeyType ?? '']?.find(known => known.oid === oid)
  if (!algorithm) throw new CsrError(`it is signed with ${oid}; sign it with SHA-256 or better, or Ed25519`)
  const info = Buffer.from(request.certificationRequestInfoRaw!)
  if (!verify(algorithm.digest, info, key, Buffer.from(request.signature)))
    throw new CsrError('its signature does not fit its key')
}

function namesOf(request: CertificationRequest): Identifier[] {
  try {
    const { identifiers, others } = identifiersOf(requestedNames(request))
    if (others.length > 0)
      throw new CsrError(
        `it asks for a name of the kind ${others[0]}; only DNS names, addresses, URIs and mail addresses are certified`,
      )
    const named = identifiers.map(({ type, value }) => parseIdentifier(type, value))
    const common = commonNameOf(request.certificationRequestInfo.subject)
    return uniqueIdentifiers(common ? [identifierOfHost(common), ...named] : named)
  } catch (error) {
    if (error instanceof CsrError) throw error
    if (error instanceof IdentifierError) throw new CsrError(error.message)
    throw new CsrError("its subject alternative names can't be read")
  }
}

/** RFC 2985 §5.4.2: extensions that the sender asks for. */
const EXTENSION_REQUEST = '1.2.840.113549.1.9.14'

function requestedNames(request: CertificationRequest) {
  const attributes = [...(request.certificationRequestInfo.attributes ?? [])]
  const requests = attributes.filter(attribute => attribute.type === EXTENSION_REQUEST)
  const extensions = requests.flatMap(({ values }) => values.flatMap(value => [...AsnConvert.parse(value, Extensions)]))
  const found = extensions.filter(extension => extension.extnID === id_ce_subjectAltName)
  if (found.length > 1) throw new CsrError('it has subject alternative names twice')
  return found.flatMap(one => [...AsnConvert.parse(one.extnValue.buffer, SubjectAlternativeName)])
}
