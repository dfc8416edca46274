/** RFC 9113 §6: the frames of HTTP/2. */
export const FrameType = {
  DATA: 0,
  HEADERS: 1,
  PRIORITY: 2,
  RST_STREAM: 3,
  SETTINGS: 4,
  PUSH_PROMISE: 5,
  PING: 6,
  GOAWAY: 7,
  WINDOW_UPDATE: 8,
  CONTINUATION: 9,
} as const

/** ACK is of SETTINGS and PING, END_STREAM of DATA and HEADERS. */
export const FrameFlag = { ACK: 1, END_STREAM: 1, END_HEADERS: 4, PADDED: 8, PRIORITY: 32 } as const

/** RFC 9113 §6.5.2. */
export const Setting = {
  HEADER_TABLE_SIZE: 1,
  ENABLE_PUSH: 2,
  MAX_CONCURRENT_STREAMS: 3,
  INITIAL_WINDOW_SIZE: 4,
  MAX_FRAME_SIZE: 5,
  MAX_HEADER_LIST_SIZE: 6,
} as const

/** RFC 9113 §7. */
export const ErrorCode = {
  NO_ERROR: 0,
  PROTOCOL_ERROR: 1,
  FLOW_CONTROL_ERROR: 3,
  STREAM_CLOSED: 5,
  FRAME_SIZE_ERROR: 6,
  REFUSED_STREAM: 7,
  CANCEL: 8,
  COMPRESSION_ERROR: 9,
  ENHANCE_YOUR_CALM: 11,
} as const
export type ErrorCode = (typeof ErrorCode)[keyof typeof ErrorCode]

/** RFC 9113 §3.4: what a client begins with. */
export const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1')
export const FRAME_HEADER = 9
/** RFC 9113 §4.2: octets of a frame's payload that both sides have to take, and that we take. */
export const MAX_FRAME = 16_384
/** Octets that a request's field section may have, as it comes; it may be cut into frames. */
export const MOST_FIELDS = 16_384
/** RFC 9113 §6.9.2: flow-control windows where nobody has spoken of them. */
export const DEFAULT_WINDOW = 65_535
/** RFC 9113 §6.9.1. */
export const MAX_WINDOW = 0x7fff_ffff

/** An error after which the connection can't go on (RFC 9113 §5.4.1). */
export class ConnectionError extends Error {
  override name = 'ConnectionError'
  readonly code: ErrorCode
  constructor(code: ErrorCode, message: string) {
    super(message)
    this.code = code
  }
}

/** Writes a frame's header; returns where its payload begins. */
export function writeFrameHeader(
  out: Uint8Array,
  at: number,
  length: number,
  type: number,
  flags: number,
  stream: number,
): number {
  out[at] = length >>> 16
  out[at + 1] = length >>> 8
  out[at + 2] = length
  out[at + 3] = type
  out[at + 4] = flags
  return writeU32(out, at + 5, stream)
}

/** Returns what follows. */
export function writeU32(out: Uint8Array, at: number, value: number): number {
  out[at] = value >>> 24
  out[at + 1] = value >>> 16
  out[at + 2] = value >>> 8
  out[at + 3] = value
  return at + 4
}

export function readU16(octets: Uint8Array, at: number): number {
  return (octets[at]! << 8) | octets[at + 1]!
}

export function readU24(octets: Uint8Array, at: number): number {
  return (octets[at]! << 16) | (octets[at + 1]! << 8) | octets[at + 2]!
}

/** The lower 31 bits: the highest is reserved wherever HTTP/2 has 32 of them, but in settings. */
export function readU31(octets: Uint8Array, at: number): number {
  return ((octets[at]! & 127) << 24) | readU24(octets, at + 1)
}

/** The part of a DATA or HEADERS payload that is neither padding nor priority (RFC 9113 §6.1, §6.2). Throws ConnectionError. */
export function unpadded(octets: Uint8Array, at: number, end: number, flags: number): { at: number; end: number } {
  if ((flags & (FrameFlag.PADDED | FrameFlag.PRIORITY)) === 0) return { at, end }
  let from = at
  let to = end
  if (flags & FrameFlag.PADDED) to -= octets[from++] ?? 0
  if (flags & FrameFlag.PRIORITY) from += 5
  if (from > to) throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, 'a frame has more padding than it is long')
  return { at: from, end: to }
}
