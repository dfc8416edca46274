/** What a dnstap message tells of one query or response (dnstap.proto, message `Message`). */
export interface TapMessage {
  type: TapType
  /** 4 octets or 16. */
  queryAddress: Uint8Array
  responseAddress: Uint8Array
  queryPort: number
  responsePort: number
  protocol: 'udp' | 'tcp' | 'tls' | 'https'
  /** Milliseconds since 1970. */
  queryTime: number
  responseTime?: number
  query?: Uint8Array
  response?: Uint8Array
}

/** dnstap.proto, `Message.Type`: what clients ask us, and what we answer. */
export const TapType = { CLIENT_QUERY: 5, CLIENT_RESPONSE: 6 } as const
export type TapType = (typeof TapType)[keyof typeof TapType]

const PROTOCOL = { udp: 1, tcp: 2, tls: 3, https: 4 } as const
const MESSAGE = 1

/** The frame of a message: dnstap.proto's `Dnstap` in the wire format of protocol buffers. */
export function encodeDnstap(message: TapMessage, identity: Uint8Array, version: Uint8Array): Uint8Array {
  return new Fields()
    .octets(1, identity)
    .octets(2, version)
    .octets(14, encodeMessage(message))
    .number(15, MESSAGE)
    .end()
}

function encodeMessage(message: TapMessage): Uint8Array {
  const { type, queryAddress, responseAddress, protocol, queryTime, responseTime, query, response } = message
  const fields = new Fields()
    .number(1, type)
    .number(2, queryAddress.length === 4 ? 1 : 2)
    .number(3, PROTOCOL[protocol])
    .octets(4, queryAddress)
    .octets(5, responseAddress)
    .number(6, message.queryPort)
    .number(7, message.responsePort)
    .time(8, queryTime)
  if (query) fields.octets(10, query)
  if (responseTime !== undefined) fields.time(12, responseTime)
  if (response) fields.octets(14, response)
  return fields.end()
}

/** Fields in the wire format of protocol buffers, version 2. */
class Fields {
  private readonly parts: Uint8Array[] = []

  /** A varint. */
  number(field: number, value: number): this {
    this.parts.push(Uint8Array.from([...varint(field * 8), ...varint(value)]))
    return this
  }

  octets(field: number, value: Uint8Array): this {
    this.parts.push(Uint8Array.from([...varint(field * 8 + 2), ...varint(value.length)]), value)
    return this
  }

  /** Seconds in `field` as a varint, nanoseconds in the next as a fixed32. */
  time(field: number, milliseconds: number): this {
    const seconds = Math.floor(milliseconds / 1000)
    const nanoseconds = Math.floor((milliseconds - seconds * 1000) * 1e6)
    this.number(field, seconds)
    const fixed = new Uint8Array(5)
    fixed[0] = (field + 1) * 8 + 5
    new DataView(fixed.buffer).setUint32(1, nanoseconds, true)
    this.parts.push(fixed)
    return this
  }

  end(): Uint8Array {
    return new Uint8Array(Buffer.concat(this.parts))
  }
}

function varint(value: number): number[] {
  const octets: number[] = []
  let left = value
  for (; left >= 0x80; left = Math.floor(left / 0x80)) octets.push((left % 0x80) | 0x80)
  return [...octets, left]
}
