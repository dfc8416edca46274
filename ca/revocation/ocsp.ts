import { createHash } from 'node:crypto'
import {
  CertID,
  CertStatus,
  id_pkix_ocsp_basic,
  id_pkix_ocsp_nonce,
  KeyHash,
  OCSPRequest,
  OCSPResponse,
  OCSPResponseStatus,
  Request,
  ResponderID,
  ResponseBytes,
  ResponseData,
  RevokedInfo,
  SingleResponse,
  TBSRequest,
} from '@peculiar/asn1-ocsp'
import { AsnConvert, OctetString } from '@peculiar/asn1-schema'
import { AlgorithmIdentifier, CRLReason, type Extension } from '@peculiar/asn1-x509'
import type { Signer } from '../hierarchy/keystore.ts'
import type { Revocation } from '../store/certificate-store.ts'
import { tlv } from '../x509/der.ts'
import { extension } from '../x509/extensions.ts'
import { publicKeyBits } from '../x509/public-key.ts'
import { arrayBuffer, encode, formatSerial, hex, serialOctets, signStructure } from '../x509/x509.ts'

/** A certificate that is asked about. */
export interface StatusQuestion {
  /** Hash algorithm, issuer name hash and issuer key hash: equal to one of the issuer's `issuerKeys`. */
  issuer: string
  serial: string
  /** Repeated in the answer as it came (RFC 6960 §4.2.1). */
  certId: CertID
}

/** What is asked, and the nonce to repeat. */
export interface StatusRequest {
  questions: StatusQuestion[]
  nonce: Uint8Array | undefined
}

/** RFC 6960 §2.2. */
export type Status = { kind: 'good' } | { kind: 'revoked'; revocation: Revocation } | { kind: 'unknown' }

/** Who signs responses, and the certificates that show that it may: the delegated responder's, then its issuer's. */
export interface Responder {
  signer: Signer
  certificates: readonly Uint8Array[]
}

/** A request that gets an error response (RFC 6960 §2.3). */
export class OcspError extends Error {
  override name = 'OcspError'
  readonly code = 'ocsp'
  readonly status: OcspFailure
  constructor(status: OcspFailure, message: string) {
    super(message)
    this.status = status
  }
}

/** The OCSPResponseStatus of a request that is not answered. */
export type OcspFailure = 'malformedRequest' | 'internalError' | 'tryLater' | 'unauthorized'

/** One question is what clients ask; more than this is refused. */
const MAX_QUESTIONS = 16
const MAX_REQUEST = 16_384
const MAX_NONCE = 128

/** Reads a DER OCSPRequest (RFC 6960 §4.1.1). A signature on it is not looked at. Throws OcspError. */
export function readOcspRequest(der: Uint8Array): StatusRequest {
  if (der.length > MAX_REQUEST) throw malformed('it is too long')
  try {
    return statusRequest(der)
  } catch (error) {
    throw error instanceof OcspError ? error : malformed('it is no OCSPRequest')
  }
}

function statusRequest(der: Uint8Array): StatusRequest {
  const { requestList, requestExtensions = [] } = AsnConvert.parse(der, OCSPRequest).tbsRequest
  if (requestList.length === 0 || requestList.length > MAX_QUESTIONS)
    throw malformed(`it asks about ${requestList.length} certificates`)
  const extensions = requestList.flatMap(({ singleRequestExtensions = [] }) => [...singleRequestExtensions])
  refuseCritical([...requestExtensions, ...extensions])
  return { questions: requestList.map(({ reqCert }) => questionOf(reqCert)), nonce: nonceOf(requestExtensions) }
}

/** RFC 6960 §4.1.2: what is not understood is ignored, unless it is critical. */
function refuseCritical(extensions: readonly Extension[]): void {
  const unknown = extensions.find(({ extnID, critical }) => critical && extnID !== id_pkix_ocsp_nonce)
  if (unknown) throw malformed(`its critical extension ${unknown.extnID} is not known`)
}

function malformed(message: string): OcspError {
  return new OcspError('malformedRequest', message)
}

function questionOf(certId: CertID): StatusQuestion {
  const { hashAlgorithm, issuerNameHash, issuerKeyHash, serialNumber } = certId
  const issuer = [hashAlgorithm.algorithm, hex(issuerNameHash.buffer), hex(issuerKeyHash.buffer)].join(':')
  return { issuer, serial: formatSerial(new Uint8Array(serialNumber)), certId }
}

function nonceOf(extensions: readonly Extension[]): Uint8Array | undefined {
  const found = extensions.find(one => one.extnID === id_pkix_ocsp_nonce)
  if (!found) return undefined
  const nonce = new Uint8Array(AsnConvert.parse(found.extnValue.buffer, OctetString).buffer)
  // RFC 9654 §2.1: a nonce of no or of more than 128 octets is a malformed request.
  if (nonce.length === 0 || nonce.length > MAX_NONCE) throw malformed('its nonce is not of 1 to 128 octets')
  return nonce
}

const HASHES = {
  sha1: '1.3.14.3.2.26',
  sha256: '2.16.840.1.101.3.4.2.1',
  sha384: '2.16.840.1.101.3.4.2.2',
  sha512: '2.16.840.1.101.3.4.2.3',
}

/** Every way in which a request can mean this issuer (RFC 6960 §4.1.1: hashes of its name and of its key bits). */
export function issuerKeys(issuer: { subject: Uint8Array; publicKey: Uint8Array }): string[] {
  const bits = publicKeyBits(issuer.publicKey)
  return Object.entries(HASHES).map(([algorithm, oid]) => {
    const digest = (bytes: Uint8Array) => createHash(algorithm).update(bytes).digest('hex')
    return [oid, digest(issuer.subject), digest(bits)].join(':')
  })
}

/** The requests that clients usually send about a certificate (RFC 5019 §2.1.1): by SHA-1 and by SHA-256, one question, nothing else. */
export function usualRequests(issuer: { subject: Uint8Array; publicKey: Uint8Array }, serial: string): Uint8Array[] {
  const bits = publicKeyBits(issuer.publicKey)
  return (['sha1', 'sha256'] as const).map(algorithm => {
    const digest = (bytes: Uint8Array) => arrayBuffer(createHash(algorithm).update(bytes).digest())
    const certId = new CertID({
      hashAlgorithm: new AlgorithmIdentifier({ algorithm: HASHES[algorithm], parameters: NULL }),
      issuerNameHash: new OctetString(digest(issuer.subject)),
      issuerKeyHash: new OctetString(digest(bits)),
      serialNumber: arrayBuffer(serialOctets(serial)),
    })
    const requestList = [new Request({ reqCert: certId })]
    return encode(new OCSPRequest({ tbsRequest: new TBSRequest({ requestList }) }))
  })
}

const NULL = arrayBuffer(Uint8Array.of(5, 0))

/** A signed response (RFC 6960 §4.2.1) that holds from `thisUpdate` to `nextUpdate`. */
export async function signOcspResponse(
  responder: Responder,
  answers: readonly { certId: CertID; status: Status }[],
  times: { producedAt: number; thisUpdate: number; nextUpdate: number },
  nonce: Uint8Array | undefined,
): Promise<Uint8Array> {
  const data = new ResponseData({
    responderID: new ResponderID({ byKey: keyHash(responder.signer.publicKey) }),
    producedAt: seconds(times.producedAt),
    responses: answers.map(answer => singleResponse(answer, times)),
  })
  if (nonce) data.responseExtensions = [extension(id_pkix_ocsp_nonce, false, tlv(0x04, nonce))]
  const certificates = tlv(0xa0, tlv(0x30, ...responder.certificates))
  const basic = await signStructure(encode(data), responder.signer, certificates)
  const responseBytes = new ResponseBytes({
    responseType: id_pkix_ocsp_basic,
    response: new OctetString(arrayBuffer(basic)),
  })
  return encode(new OCSPResponse({ responseStatus: OCSPResponseStatus.successful, responseBytes }))
}

function singleResponse(
  { certId, status }: { certId: CertID; status: Status },
  times: { thisUpdate: number; nextUpdate: number },
): SingleResponse {
  const [thisUpdate, nextUpdate] = [seconds(times.thisUpdate), seconds(times.nextUpdate)]
  return new SingleResponse({ certID: certId, certStatus: certStatus(status), thisUpdate, nextUpdate })
}

function certStatus(status: Status): CertStatus {
  if (status.kind !== 'revoked') return new CertStatus({ [status.kind]: null })
  const { at, reason } = status.revocation
  const revoked = new RevokedInfo({ revocationTime: seconds(at) })
  if (reason !== 0) revoked.revocationReason = new CRLReason(reason)
  return new CertStatus({ revoked })
}

/** RFC 6960 §4.2.1: the SHA-1 of the responder's key bits. */
function keyHash(publicKey: Uint8Array): KeyHash {
  return new KeyHash(arrayBuffer(createHash('sha1').update(publicKeyBits(publicKey)).digest()))
}

/** RFC 6960 §4.2.2.1: GeneralizedTime without fractions of seconds (RFC 5280 §4.1.2.5.2). */
function seconds(time: number): Date {
  return new Date(Math.floor(time / 1000) * 1000)
}

/** An unsigned error response. */
export function ocspFailure(status: OcspFailure): Uint8Array {
  return encode(new OCSPResponse({ responseStatus: OCSPResponseStatus[status] }))
}

/** The DER request in the path of a GET (RFC 6960 appendix A.1: base64, then URL-encoded); undefined where it is none. */
export function ocspRequestOfPath(path: string): Uint8Array | undefined {
  try {
    const text = decodeURIComponent(path).replace(/^\/+/, '')
    return /^[A-Za-z0-9+/]+={0,2}$/.test(text) ? Buffer.from(text, 'base64') : undefined
  } catch {
    return undefined
  }
}
