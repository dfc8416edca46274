import { TextError, WireError } from './errors.ts'
import type { Field } from './fields.ts'
import type { Tokens } from './tokens.ts'
import type { Reader } from './wire.ts'

/** LOC's RDATA (RFC 1876 §2), in the units of the wire. */
export interface Location {
  /** Centimetres, as are both precisions; one digit and a power of ten. */
  size: number
  horizontal: number
  vertical: number
  /** Thousandths of a second of arc, positive north and east. */
  latitude: number
  longitude: number
  /** Centimetres above the WGS 84 spheroid, -10,000,000 to 4,284,967,295. */
  altitude: number
}

/** RFC 1876 §2: the equator, the prime meridian, and 100,000 m below the spheroid. */
const CENTRE = 2 ** 31
const BASE = 10_000_000
const DEGREE = 3_600_000
/** RFC 1876 §3: defaults of size, horizontal and vertical precision, in centimetres. */
const DEFAULTS = [100, 1_000_000, 1_000] as const

/** The whole of LOC's RDATA: its text is not field by field. */
export const location: Field<Location> = {
  read: readLocation,
  write: (writer, value) => {
    writer.u8(0)
    for (const length of [value.size, value.horizontal, value.vertical]) writer.u8(encodeLength(length))
    writer.u32(value.latitude + CENTRE)
    writer.u32(value.longitude + CENTRE)
    writer.u32(value.altitude + BASE)
  },
  print: printLocation,
  parse: parseLocation,
}

function readLocation(reader: Reader): Location {
  const at = reader.pos
  // RFC 1876 §2: other versions have another format.
  if (reader.u8() !== 0) throw new WireError('a LOC of unknown version', at)
  const [size, horizontal, vertical] = [readLength(reader), readLength(reader), readLength(reader)]
  const latitude = reader.u32() - CENTRE
  const longitude = reader.u32() - CENTRE
  if (Math.abs(latitude) > 90 * DEGREE || Math.abs(longitude) > 180 * DEGREE)
    throw new WireError('a LOC that is not on the globe', at)
  return { size, horizontal, vertical, latitude, longitude, altitude: reader.u32() - BASE }
}

/** RFC 1876 §2: four bits of digit, four of power of ten. A zero has the power zero, so that it has one form only. */
function readLength(reader: Reader): number {
  const octet = reader.u8()
  const digit = octet >>> 4
  const power = octet & 15
  if (digit > 9 || power > 9 || (digit === 0 && power > 0))
    throw new WireError('a LOC with a malformed size', reader.pos - 1)
  return digit * 10 ** power
}

/** More digits than one are cut off. */
function encodeLength(centimetres: number): number {
  let power = 0
  while (centimetres >= 10 ** (power + 1)) power++
  return (Math.floor(centimetres / 10 ** power) << 4) | power
}

function printLocation(value: Location): string {
  const lengths = [value.size, value.horizontal, value.vertical].map(printMetres)
  return [
    printAngle(value.latitude, 'N', 'S'),
    printAngle(value.longitude, 'E', 'W'),
    printMetres(value.altitude),
    ...lengths,
  ].join(' ')
}

function printAngle(thousandths: number, positive: string, negative: string): string {
  const total = Math.abs(thousandths)
  const seconds = ((total % 60_000) / 1000).toFixed(3)
  const minutes = Math.floor(total / 60_000) % 60
  return `${Math.floor(total / DEGREE)} ${minutes} ${seconds} ${thousandths < 0 ? negative : positive}`
}

function printMetres(centimetres: number): string {
  return `${(centimetres / 100).toFixed(centimetres % 100 === 0 ? 0 : 2)}m`
}

function parseLocation(tokens: Tokens): Location {
  const latitude = parseAngle(tokens, 'N', 'S', 90)
  const longitude = parseAngle(tokens, 'E', 'W', 180)
  const altitude = parseMetres(tokens.word('an altitude'), -BASE, 0xffffffff - BASE)
  const [size, horizontal, vertical] = DEFAULTS.map(centimetres =>
    tokens.more ? parseMetres(tokens.word('a size'), 0, 9_000_000_000) : centimetres,
  )
  return {
    latitude,
    longitude,
    altitude,
    size: oneDigit(size!),
    horizontal: oneDigit(horizontal!),
    vertical: oneDigit(vertical!),
  }
}

/** The length that the wire will keep of it. */
function oneDigit(centimetres: number): number {
  const octet = encodeLength(centimetres)
  return (octet >>> 4) * 10 ** (octet & 15)
}

/** RFC 1876 §3: degrees, then minutes and seconds where wanted, then the hemisphere. */
function parseAngle(tokens: Tokens, positive: string, negative: string, limit: number): number {
  const degrees = angleNumber(tokens.word('degrees'), /^\d{1,3}$/, limit)
  const numeric = (text: string) => /^[\d.]/.test(text)
  const minutes = tokens.wordIf(numeric)
  const seconds = minutes === undefined ? undefined : tokens.wordIf(numeric)
  const hemisphere = tokens.word(`${positive} or ${negative}`).toUpperCase()
  if (hemisphere !== positive && hemisphere !== negative)
    throw new TextError(`"${hemisphere}" is neither ${positive} nor ${negative}`)
  const thousandths =
    degrees * DEGREE +
    angleNumber(minutes ?? '0', /^\d{1,2}$/, 59) * 60_000 +
    Math.round(angleNumber(seconds ?? '0', /^\d{1,2}(\.\d{0,3})?$/, 59.999) * 1000)
  if (thousandths > limit * DEGREE) throw new TextError(`more than ${limit} degrees`)
  return hemisphere === positive ? thousandths : -thousandths
}

function angleNumber(text: string, shape: RegExp, max: number): number {
  if (!shape.test(text) || Number(text) > max) throw new TextError(`"${text}" is not a number from 0 to ${max}`)
  return Number(text)
}

/** Metres with at most two decimals and an optional "m", as centimetres. */
function parseMetres(text: string, min: number, max: number): number {
  const centimetres = /^-?\d{1,8}(\.\d{0,2})?m?$/i.test(text) ? Math.round(Number.parseFloat(text) * 100) : Number.NaN
  if (!(centimetres >= min && centimetres <= max))
    throw new TextError(`"${text}" is not a length from ${min / 100} to ${max / 100} metres`)
  return centimetres || 0
}
