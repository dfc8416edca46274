import { DOH_PATH } from '../../../config/view-schema.ts'
import type { RequestHead } from './request-head.ts'

const PATH = Buffer.from(DOH_PATH)
const QUESTION_MARK = 0x3f
const SLASH = 0x2f
const AMPERSAND = 0x26
const DNS = Buffer.from('dns=')

/** Whether a request is one that DoH answers: GET or POST of /dns-query, or of a path below it. */
export function isDohPath({ method, path, pathLength }: RequestHead): boolean {
  if (method === 'OTHER' || pathLength < PATH.length) return false
  for (let i = 0; i < PATH.length; i++) if (path[i] !== PATH[i]) return false
  const next = path[PATH.length]
  return pathLength === PATH.length || next === QUESTION_MARK || next === SLASH
}

/** Where the path ends and the query string, if any, begins. */
export function endOfPath({ path, pathLength }: RequestHead): number {
  for (let at = PATH.length; at < pathLength; at++) if (path[at] === QUESTION_MARK) return at
  return pathLength
}

/** Decodes the message in the "dns" parameter (RFC 8484 §4.1) into `out`. Returns its length; -1 where there is none, or no base64url. */
export function readParameter({ path, pathLength }: RequestHead, from: number, out: Uint8Array): number {
  let at = from + 1
  while (at < pathLength) {
    let end = at
    while (end < pathLength && path[end] !== AMPERSAND) end++
    if (isDns(path, at, end)) return decodeBase64url(path, at + DNS.length, end, out)
    at = end + 1
  }
  return -1
}

function isDns(path: Uint8Array, at: number, end: number): boolean {
  if (end - at < DNS.length) return false
  for (let i = 0; i < DNS.length; i++) if (path[at + i] !== DNS[i]) return false
  return true
}

const DIGITS = new Int8Array(256).fill(-1)
for (const [digit, octet] of Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_').entries())
  DIGITS[octet] = digit

/** RFC 8484 §6: base64url (RFC 4648 §5) without padding. */
function decodeBase64url(from: Uint8Array, at: number, end: number, out: Uint8Array): number {
  if (end === at || (end - at) % 4 === 1) return -1
  let bits = 0
  let held = 0
  let written = 0
  for (let i = at; i < end; i++) {
    const digit = DIGITS[from[i]!]!
    if (digit < 0) return -1
    bits = ((bits << 6) | digit) & 0xffff
    held += 6
    if (held < 8) continue
    held -= 8
    out[written++] = bits >>> held
  }
  return written
}
