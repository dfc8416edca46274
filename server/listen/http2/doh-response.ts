import { FRAME_HEADER, FrameFlag, FrameType, writeFrameHeader } from './frames.ts'

/** RFC 8484 §6. */
export const DNS_MESSAGE = 'application/dns-message'

/** What a DoH server says where there is no DNS message to answer with; `detail` as in RFC 9457. */
export const PROBLEMS = {
  notRequest: {
    status: 400,
    detail: `a DNS request is expected: POST it as ${DNS_MESSAGE}, or give it in base64url as "dns" (RFC 8484 §4.1)`,
  },
  tooLong: { status: 413, detail: 'a DNS message has no more than 65535 octets' },
  mediaType: { status: 415, detail: `the body of a request is ${DNS_MESSAGE} (RFC 8484 §4.1)` },
  unanswered: { status: 503, detail: 'the request could not be answered now', 'retry-after': '1' },
} as const
export type Problem = (typeof PROBLEMS)[keyof typeof PROBLEMS]

/** Octets that the HEADERS frame of an answer takes at most. */
export const MOST_HEAD = 128

/** RFC 7541 Appendix A: what we send is in the static table, or has its name there; nothing goes into the client's table. */
const STATUS_200 = 0x88
const Index = { STATUS: 8, CACHE_CONTROL: 24, CONTENT_LENGTH: 28, CONTENT_TYPE: 31, RETRY_AFTER: 53 } as const

/** The largest index that a literal's first octet holds, less one (§5.1). */
const PREFIX = 15

const ANSWER = Buffer.concat([Buffer.of(STATUS_200), field(Index.CONTENT_TYPE, DNS_MESSAGE)])

/** Writes the HEADERS frame of an answer; returns what follows. */
export function writeAnswerHead(out: Uint8Array, at: number, stream: number, length: number, maxAge: number): number {
  let end = at + FRAME_HEADER
  out.set(ANSWER, end)
  end = writeNumber(out, end + ANSWER.length, Index.CONTENT_LENGTH, '', length)
  end = writeNumber(out, end, Index.CACHE_CONTROL, 'max-age=', maxAge)
  writeFrameHeader(out, at, end - at - FRAME_HEADER, FrameType.HEADERS, FrameFlag.END_HEADERS, stream)
  return end
}

/** Writes the whole response to a request that got no answer: HEADERS and DATA; returns what follows. */
export function writeProblem(out: Uint8Array, at: number, stream: number, problem: Problem): number {
  const { status, detail } = problem
  const body = Buffer.from(JSON.stringify({ type: 'about:blank', status, detail }))
  const fields = Buffer.concat([
    field(Index.STATUS, String(status)),
    field(Index.CONTENT_TYPE, 'application/problem+json'),
    field(Index.CONTENT_LENGTH, String(body.length)),
    ...('retry-after' in problem ? [field(Index.RETRY_AFTER, problem['retry-after'])] : []),
  ])
  let end = writeFrameHeader(out, at, fields.length, FrameType.HEADERS, FrameFlag.END_HEADERS, stream)
  out.set(fields, end)
  end = writeFrameHeader(out, end + fields.length, body.length, FrameType.DATA, FrameFlag.END_STREAM, stream)
  out.set(body, end)
  return end + body.length
}

const DIGIT_0 = 0x30

/** A literal without indexing (RFC 7541 §6.2.2) whose value is a number after a short text. */
function writeNumber(out: Uint8Array, at: number, index: number, text: string, number: number): number {
  let digits = 1
  for (let left = number; left >= 10; left /= 10) digits++
  let end = writeIndex(out, at, index)
  out[end++] = text.length + digits
  for (let i = 0; i < text.length; i++) out[end++] = text.charCodeAt(i)
  for (let i = digits - 1, left = number; i >= 0; i--, left = Math.floor(left / 10))
    out[end + i] = DIGIT_0 + (left % 10)
  return end + digits
}

function writeIndex(out: Uint8Array, at: number, index: number): number {
  if (index < PREFIX) {
    out[at] = index
    return at + 1
  }
  out[at] = PREFIX
  out[at + 1] = index - PREFIX
  return at + 2
}

/** A literal without indexing; the value has fewer than 127 octets. */
function field(index: number, value: string): Buffer {
  const head = new Uint8Array(3)
  const end = writeIndex(head, 0, index)
  head[end] = value.length
  return Buffer.concat([head.subarray(0, end + 1), Buffer.from(value, 'latin1')])
}
