import { CmsError, readSigned, type SignedMessage } from '../cms/read.ts'
import { attribute } from '../cms/write.ts'
import { contentOf, DerError, type Element, elementsIn, only, Tag, textOf, tlv } from '../x509/der.ts'

/** Attributes of messages (RFC 8894 §3.2.1), and RFC 8894 §3.2.1.4's words on a failure. */
export const ATTRIBUTE = {
  messageType: '2.16.840.1.113733.1.9.2',
  pkiStatus: '2.16.840.1.113733.1.9.3',
  failInfo: '2.16.840.1.113733.1.9.4',
  senderNonce: '2.16.840.1.113733.1.9.5',
  recipientNonce: '2.16.840.1.113733.1.9.6',
  transactionID: '2.16.840.1.113733.1.9.7',
  failInfoText: '1.3.6.1.5.5.7.24.1',
} as const

/** What a client asks for (RFC 8894 §3.2.1.2). */
export const REQUESTS = { 17: 'RenewalReq', 19: 'PKCSReq', 20: 'CertPoll', 21: 'GetCert', 22: 'GetCRL' } as const
export type RequestType = (typeof REQUESTS)[keyof typeof REQUESTS]

/** A request, its signature not verified yet. */
export interface ScepRequest {
  type: RequestType
  /** Chosen by the client, the same in all messages about one certificate. */
  transaction: string
  /** DER OCTET STRING. */
  senderNonce: Uint8Array
  signed: SignedMessage
}

const LONGEST_TRANSACTION = 255

/** Reads a pkiMessage of a client (RFC 8894 §3.2). Throws CmsError. */
export function readRequest(octets: Uint8Array): ScepRequest {
  const signed = readSigned(octets)
  const type = REQUESTS[Number(textIn(signed, 'messageType')) as keyof typeof REQUESTS]
  if (!type) throw new CmsError('malformed', 'its messageType is none that a client sends')
  const transaction = textIn(signed, 'transactionID')
  if (transaction === '' || transaction.length > LONGEST_TRANSACTION)
    throw new CmsError('malformed', `its transactionID must have 1 to ${LONGEST_TRANSACTION} characters`)
  const nonce = signed.attributes.get(ATTRIBUTE.senderNonce)
  return {
    type,
    transaction,
    senderNonce: tlv(
      Tag.OCTET_STRING,
      readElement(nonce, element => contentOf(element, Tag.OCTET_STRING)),
    ),
    signed,
  }
}

function textIn({ attributes }: SignedMessage, name: keyof typeof ATTRIBUTE): string {
  return readElement(attributes.get(ATTRIBUTE[name]), textOf)
}

function readElement<T>(der: Uint8Array | undefined, read: (element: Element) => T): T {
  try {
    return read(elementsIn(der ?? new Uint8Array())[0]!)
  } catch {
    throw new CmsError(
      'malformed',
      'an attribute that SCEP asks for is missing, or is of another kind (RFC 8894 §3.2.1)',
    )
  }
}

/** Why a request fails (RFC 8894 §3.2.1.4). */
export const FAILURES = { badAlg: 0, badMessageCheck: 1, badRequest: 2, badTime: 3, badCertId: 4 } as const
export type Failure = keyof typeof FAILURES

/** What a request comes to. */
export type Outcome =
  | { kind: 'success'; content: Uint8Array }
  | { kind: 'pending' }
  /** `text` may be shown to the client. */
  | { kind: 'failure'; failure: Failure; text: string }

const CERT_REP = '3'
/** RFC 8894 §3.2.1.3. */
const STATUS = { success: '0', failure: '2', pending: '3' } as const

/** The DER Attributes of the CertRep that answers a request (RFC 8894 §3.2.1). */
export function replyAttributes(request: ScepRequest, outcome: Outcome, nonce: Uint8Array): Uint8Array[] {
  return [
    printable('messageType', CERT_REP),
    printable('pkiStatus', STATUS[outcome.kind]),
    printable('transactionID', request.transaction),
    attribute(ATTRIBUTE.senderNonce, tlv(Tag.OCTET_STRING, nonce)),
    attribute(ATTRIBUTE.recipientNonce, request.senderNonce),
    ...(outcome.kind === 'failure'
      ? [
          printable('failInfo', String(FAILURES[outcome.failure])),
          attribute(ATTRIBUTE.failInfoText, tlv(Tag.UTF8_STRING, Buffer.from(outcome.text))),
        ]
      : []),
  ]
}

function printable(name: keyof typeof ATTRIBUTE, text: string): Uint8Array {
  return attribute(ATTRIBUTE[name], tlv(Tag.PRINTABLE_STRING, Buffer.from(text, 'latin1')))
}

/** Serial number octets of a DER IssuerAndSerialNumber, and its DER issuer. Throws DerError. */
export function issuerAndSerial(octets: Uint8Array): { issuer: Uint8Array; serial: Uint8Array } {
  const [issuer, serial, ...more] = elementsIn(only(octets, Tag.SEQUENCE).content)
  contentOf(issuer, Tag.SEQUENCE)
  if (more.length > 0) throw new DerError('it has too many parts')
  return { issuer: issuer!.whole, serial: contentOf(serial, Tag.INTEGER) }
}
