import { type KeyObject, verify } from 'node:crypto'
import { id_ce_subjectAltName } from '@peculiar/asn1-x509'
import { SIGNATURES, type SignatureAlgorithm } from '../hierarchy/keystore.ts'
import {
  type Identifier,
  IdentifierError,
  identifierOfHost,
  identifierText,
  parseIdentifier,
  uniqueIdentifiers,
} from '../identifier.ts'
import { extensionsIn } from './certificate-facts.ts'
import { bitsOf, contentOf, DerError, type Element, elementsIn, oidOf, sequence, Tag, textOf } from './der.ts'
import { commonNameOf } from './distinguished-name.ts'
import { identifiersOf } from './general-names.ts'
import { publicKeyOf, weakness } from './key-strength.ts'
import { isPlainEcKey } from './public-key.ts'

/** What a PKCS#10 request says beside its key. */
export interface RequestedContent {
  /** From the subject alternative names and the common name, each once, canonical, sorted. */
  identifiers: Identifier[]
  /** The challenge password (RFC 2985 §5.4.1), by which the sender may show that it is expected. */
  challengePassword?: string
  /** The object identifiers of its attributes, for who must know that something was asked for. */
  attributes: ReadonlySet<string>
}

/** What we take from a PKCS#10 request: a proved key and names; all else in it is for us to decide. */
export interface SigningRequest extends RequestedContent {
  /** DER SubjectPublicKeyInfo. */
  publicKey: Uint8Array
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
  const { publicKey } = request
  const key = publicKeyOf(publicKey)
  if (!key) throw new CsrError("its public key can't be read")
  refuseOddEncoding(publicKey, key)
  const weak = weakness(key)
  if (weak) throw new CsrError(weak)
  verifySignature(request, key)
  return { publicKey, ...contentOfRequest(request, options) }
}

/** The same where the key is not the sender's to choose (RFC 7030 §4.4.1): its key and signature count for nothing. Throws CsrError. */
export function readKeylessCsr(der: Uint8Array): RequestedContent {
  return contentOfRequest(parse(der), {})
}

function contentOfRequest(request: Parsed, { nameless }: { nameless?: boolean }): RequestedContent {
  const identifiers = namesOf(request)
  if (identifiers.length === 0 && !nameless) throw new CsrError('it asks for no name')
  const challengePassword = passwordOf(request)
  const attributes = attributeTypes(request)
  return { identifiers, attributes, ...(challengePassword !== undefined && { challengePassword }) }
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

/** RFC 8555 §11.1: a certificate's key must not be an account's key (DER SubjectPublicKeyInfo). Throws CsrError. */
export function refuseAccountKey(request: SigningRequest, accountKey: Uint8Array): void {
  if (Buffer.compare(accountKey, request.publicKey) === 0)
    throw new CsrError('its key is the key of the account; make another')
}

/** The parts of a request that count; all but the OID are DER. */
interface Parsed {
  /** CertificationRequestInfo, which is signed. */
  info: Uint8Array
  subject: Uint8Array
  publicKey: Uint8Array
  attributes: Element[]
  /** The OID of the signature's algorithm. */
  algorithm: string
  signature: Uint8Array
}

/** RFC 2986 §4.1: v1(0) is the only version. */
const VERSION_1 = 0
/** [0] IMPLICIT attributes (RFC 2986 §4.1). */
const ATTRIBUTES = 0xa0

function parse(der: Uint8Array): Parsed {
  if (der.length > MAX_CSR) throw new CsrError(`it has ${der.length} octets, at most ${MAX_CSR} are allowed`)
  try {
    const [info, algorithm, signature] = sequence(der)
    const [version, subject, publicKey, attributes] = elementsIn(contentOf(info, Tag.SEQUENCE))
    const [number, ...more] = contentOf(version, Tag.INTEGER)
    if (number !== VERSION_1 || more.length > 0) throw new DerError('it has another version')
    contentOf(subject, Tag.SEQUENCE)
    contentOf(publicKey, Tag.SEQUENCE)
    return {
      info: info!.whole,
      subject: subject!.whole,
      publicKey: publicKey!.whole,
      attributes: attributes ? elementsIn(contentOf(attributes, ATTRIBUTES)) : [],
      algorithm: oidOf(elementsIn(contentOf(algorithm, Tag.SEQUENCE))[0]),
      signature: bitsOf(signature),
    }
  } catch (error) {
    if (error instanceof DerError) throw new CsrError('it is no DER CertificationRequest (RFC 2986 §4)')
    throw error
  }
}

/** What is certified must be what everyone can read: other encodings of the same key are refused. */
function refuseOddEncoding(publicKey: Uint8Array, key: KeyObject): void {
  if (key.asymmetricKeyType === 'ec') {
    if (!isPlainEcKey(publicKey))
      throw new CsrError('its key must be on a named curve, its point not compressed (RFC 5480 §2.1.1, §2.2)')
  } else if (!key.export({ type: 'spki', format: 'der' }).equals(publicKey))
    throw new CsrError('its public key is not in DER')
}

/** Which algorithms a kind of key signs with; SHA-1 and MD5 are not among them. */
const ALGORITHMS: Record<string, readonly SignatureAlgorithm[]> = {
  ec: [SIGNATURES['ecdsa-with-SHA256'], SIGNATURES['ecdsa-with-SHA384'], SIGNATURES['ecdsa-with-SHA512']],
  rsa: [SIGNATURES.sha256WithRSAEncryption, SIGNATURES.sha384WithRSAEncryption, SIGNATURES.sha512WithRSAEncryption],
  ed25519: [SIGNATURES.Ed25519],
}

function verifySignature({ info, algorithm: oid, signature }: Parsed, key: KeyObject): void {
  const algorithm = ALGORITHMS[key.asymmetricKeyType ?? '']?.find(known => known.oid === oid)
  if (!algorithm) throw new CsrError(`it is signed with ${oid}; sign it with SHA-256 or better, or Ed25519`)
  if (!verify(algorithm.digest, info, key, signature)) throw new CsrError('its signature does not fit its key')
}

function namesOf({ subject, attributes }: Parsed): Identifier[] {
  try {
    const { identifiers, others } = identifiersOf(requestedNames(attributes))
    if (others.length > 0)
      throw new CsrError(
        `it asks for a name of the kind ${others[0]}; only DNS names, addresses, URIs and mail addresses are certified`,
      )
    const named = identifiers.map(({ type, value }) => parseIdentifier(type, value))
    const common = commonNameOf(subject)
    return uniqueIdentifiers(common ? [identifierOfHost(common), ...named] : named)
  } catch (error) {
    if (error instanceof DerError) throw new CsrError("its subject alternative names can't be read")
    if (error instanceof IdentifierError) throw new CsrError(error.message)
    throw error
  }
}

/** RFC 2985 §5.4.1: one DirectoryString. */
const CHALLENGE_PASSWORD = '1.2.840.113549.1.9.7'

function passwordOf({ attributes }: Parsed): string | undefined {
  try {
    const [value] = valuesOf(attributes, CHALLENGE_PASSWORD)
    return value && textOf(value)
  } catch (error) {
    if (error instanceof DerError) throw new CsrError("its challenge password can't be read")
    throw error
  }
}

function attributeTypes({ attributes }: Parsed): Set<string> {
  try {
    return new Set(attributes.map(({ whole }) => oidOf(sequence(whole)[0])))
  } catch (error) {
    if (error instanceof DerError) throw new CsrError("its attributes can't be read")
    throw error
  }
}

/** The values of all attributes of one type. Throws DerError. */
function valuesOf(attributes: readonly Element[], type: string): Element[] {
  const found = attributes.map(({ whole }) => sequence(whole)).filter(([oid]) => oidOf(oid) === type)
  return found.flatMap(([, list]) => elementsIn(contentOf(list, Tag.SET)))
}

/** RFC 2985 §5.4.2: extensions that the sender asks for. */
const EXTENSION_REQUEST = '1.2.840.113549.1.9.14'

function requestedNames(attributes: readonly Element[]): Element[] {
  const values = valuesOf(attributes, EXTENSION_REQUEST)
  const found = values.flatMap(({ whole }) => extensionsIn(whole)).filter(({ oid }) => oid === id_ce_subjectAltName)
  if (found.length > 1) throw new CsrError('it has subject alternative names twice')
  return found.flatMap(({ value }) => sequence(value))
}
