import type { ShownCertificate } from '../../host/network.ts'

/** HAProxy's "The PROXY protocol, versions 1 & 2", §2.2.6: PP2_TYPE_SSL with what its client and verify fields say, and the certificate within. */
const SSL = 0x20
const CERTIFICATE = 0x28
const CLIENT_SSL = 0x01
const CLIENT_CERTIFICATE = 0x02
const VERIFIED = 0
const NOT_VERIFIED = 1
/** Octets of a field's type and length; of the client and verify fields. */
const HEAD = 3
const STATES = 5
/** No certificate of ours is so long; a header of the PROXY protocol holds 65,535 octets in all. */
const LONGEST = 60_000

/** The field of a PROXY protocol header that tells of a client's certificate; empty where it has shown none. */
export function certificateField(shown: ShownCertificate | undefined): Uint8Array {
  if (!shown) return new Uint8Array()
  const known = shown.verified && shown.der.length <= LONGEST
  const inner = known ? field(CERTIFICATE, shown.der) : new Uint8Array()
  const states = Buffer.alloc(STATES)
  states[0] = CLIENT_SSL | CLIENT_CERTIFICATE
  states.writeUInt32BE(known ? VERIFIED : NOT_VERIFIED, 1)
  return field(SSL, Buffer.concat([states, inner]))
}

/** What the fields of a header that a thread of ours has written say of the client's certificate; undefined where none was shown. */
export function certificateIn(fields: Uint8Array): ShownCertificate | undefined {
  const value = fieldOf(SSL, fields)
  if (!value || value.length < STATES || (value[0]! & CLIENT_CERTIFICATE) === 0) return undefined
  const verified = Buffer.from(value).readUInt32BE(1) === VERIFIED
  const der = verified ? fieldOf(CERTIFICATE, value.subarray(STATES)) : undefined
  return der ? { verified: true, der: Uint8Array.from(der) } : { verified: false }
}

function field(type: number, value: Uint8Array): Uint8Array {
  return Buffer.concat([Uint8Array.of(type, value.length >>> 8, value.length & 255), value])
}

function fieldOf(type: number, fields: Uint8Array): Uint8Array | undefined {
  for (let at = 0; at + HEAD <= fields.length; ) {
    const end = at + HEAD + ((fields[at + 1]! << 8) | fields[at + 2]!)
    if (end > fields.length) return undefined
    if (fields[at] === type) return fields.subarray(at + HEAD, end)
    at = end
  }
  return undefined
}
