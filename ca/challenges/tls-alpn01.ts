import { createHash } from 'node:crypto'
import { addressBytes } from '../../config/address.ts'
import type { Identifier } from '../identifier.ts'
import { AcmeError } from '../problems.ts'
import { type CertificateFacts, readCertificate } from '../x509/certificate-facts.ts'
import type { Attempt, Challenge, ChallengeNetwork, Proof } from './challenge.ts'

/** TLS challenge (RFC 8737, for addresses RFC 8738 §6): a self-signed certificate with the key authorization's digest, under its own ALPN protocol. */
export const tlsAlpn01: Challenge = {
  type: 'tls-alpn-01',
  appliesTo: ({ wildcard }) => !wildcard,
  connects: true,
  validate,
}

/** RFC 8737 §6.2. */
const PROTOCOL = 'acme-tls/1'
/** RFC 8737 §6.1: id-pe-acmeIdentifier. */
const ACME_IDENTIFIER = '1.3.6.1.5.5.7.1.31'

async function validate({ subject, keyAuthorization }: Attempt, network: ChallengeNetwork): Promise<Proof> {
  const { identifier } = subject
  const tls = { servername: serverName(identifier), alpn: [PROTOCOL], rejectUnauthorized: false, fresh: true }
  const connection = await network.connect(identifier.value, network.ports['tls-alpn-01'], { tls })
  connection.close()
  if (connection.alpn !== PROTOCOL) throw wrong(identifier, `does not speak ${PROTOCOL}`)
  const fault = faultOf(certificateOf(connection.peerCertificate), identifier, keyAuthorization)
  if (fault !== undefined) throw wrong(identifier, fault)
  return { address: identifier.value }
}

/** RFC 8738 §6: an address is asked for by its name in the reverse tree. */
function serverName({ type, value }: Identifier): string {
  if (type !== 'ip') return value
  const octets = addressBytes(value)!
  if (octets.length === 4) return `${[...octets].reverse().join('.')}.in-addr.arpa`
  const nibbles = [...Buffer.from(octets).toString('hex')].reverse()
  return `${nibbles.join('.')}.ip6.arpa`
}

function certificateOf(der: Uint8Array | undefined): CertificateFacts | undefined {
  try {
    return der && readCertificate(der)
  } catch {
    return undefined
  }
}

// RFC 8737 §3: exactly one subject alternative name, the identifier; the extension critical, with the digest as an OCTET STRING.
function faultOf(
  facts: CertificateFacts | undefined,
  { type, value }: Identifier,
  keyAuthorization: string,
): string | undefined {
  if (!facts) return 'shows no certificate that can be read'
  const [name, ...others] = facts.identifiers
  const isNamed = name?.type === type && name.value.toLowerCase() === value && others.length === 0 && !facts.otherNames
  if (!isNamed) return 'shows a certificate that is not for this identifier alone'
  const marks = facts.extensions.filter(({ oid }) => oid === ACME_IDENTIFIER)
  if (marks.length !== 1 || !marks[0]!.critical) return 'shows a certificate without a critical acmeIdentifier'
  const digest = createHash('sha256').update(keyAuthorization).digest()
  const expected = Buffer.concat([Uint8Array.of(0x04, digest.length), digest])
  return expected.equals(marks[0]!.value) ? undefined : 'shows an acmeIdentifier that is not the expected digest'
}

function wrong({ value }: Identifier, what: string): AcmeError {
  return new AcmeError('incorrectResponse', `${value} ${what}`)
}
