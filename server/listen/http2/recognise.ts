import { isDohPath } from './doh-request.ts'
import { FRAME_HEADER, FrameFlag, FrameType, MAX_FRAME, PREFACE, readU24, unpadded } from './frames.ts'
import { FieldDecoder } from './hpack.ts'
import type { RequestHead } from './request-head.ts'

/** What a connection is for, as its first request tells; undefined where that has not come yet. */
export type Purpose = 'doh' | 'other' | undefined

/**
 * What the first octets of an HTTP/2 connection ask for, before anything was answered. What we don't make out is "other": whoever
 * takes those connections knows all of HTTP. `head` and `scratch` are written over.
 */
export function recognise(octets: Uint8Array, head: RequestHead, scratch: Uint8Array): Purpose {
  const known = Math.min(octets.length, PREFACE.length)
  for (let i = 0; i < known; i++) if (octets[i] !== PREFACE[i]) return 'other'
  for (let at = PREFACE.length; octets.length - at >= FRAME_HEADER; ) {
    const length = readU24(octets, at)
    const payload = at + FRAME_HEADER
    if (length > MAX_FRAME) return 'other'
    if (octets.length - payload < length) return undefined
    if (octets[at + 3] === FrameType.HEADERS)
      return firstRequest(octets, payload, payload + length, octets[at + 4]!, head, scratch)
    at = payload + length
  }
  return undefined
}

function firstRequest(
  octets: Uint8Array,
  at: number,
  end: number,
  flags: number,
  head: RequestHead,
  scratch: Uint8Array,
): Purpose {
  // One whose fields take several frames is none of a DoH client's.
  if ((flags & FrameFlag.END_HEADERS) === 0) return 'other'
  head.clear()
  try {
    const fields = unpadded(octets, at, end, flags)
    new FieldDecoder(scratch).decode(octets, fields.at, fields.end, head.take)
  } catch {
    return 'other'
  }
  return head.whole && isDohPath(head) ? 'doh' : 'other'
}
