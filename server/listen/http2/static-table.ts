/** RFC 7541 Appendix A, from index 1: names, with their values where they have one. */
// biome-ignore format: as the RFC has it
const ROWS: readonly (readonly [name: string, value?: string])[] = [
  [':authority'], [':method', 'GET'], [':method', 'POST'], [':path', '/'], [':path', '/index.html'], [':scheme', 'http'],
  [':scheme', 'https'], [':status', '200'], [':status', '204'], [':status', '206'], [':status', '304'], [':status', '400'],
  [':status', '404'], [':status', '500'], ['accept-charset'], ['accept-encoding', 'gzip, deflate'], ['accept-language'],
  ['accept-ranges'], ['accept'], ['access-control-allow-origin'], ['age'], ['allow'], ['authorization'], ['cache-control'],
  ['content-disposition'], ['content-encoding'], ['content-language'], ['content-length'], ['content-location'],
  ['content-range'], ['content-type'], ['cookie'], ['date'], ['etag'], ['expect'], ['expires'], ['from'], ['host'], ['if-match'],
  ['if-modified-since'], ['if-none-match'], ['if-range'], ['if-unmodified-since'], ['last-modified'], ['link'], ['location'],
  ['max-forwards'], ['proxy-authenticate'], ['proxy-authorization'], ['range'], ['referer'], ['refresh'], ['retry-after'],
  ['server'], ['set-cookie'], ['strict-transport-security'], ['transfer-encoding'], ['user-agent'], ['vary'], ['via'],
  ['www-authenticate'],
]

/** A field that an index stands for. */
export interface TableField {
  readonly name: FieldName
  readonly value: Uint8Array
  /** RFC 7541 §4.1: octets of both, and 32. */
  readonly size: number
}

/** What a field is to a DoH server. */
export const FieldName = {
  /** Of no concern. */
  OTHER: 0,
  METHOD: 1,
  SCHEME: 2,
  PATH: 3,
  AUTHORITY: 4,
  CONTENT_TYPE: 5,
  CONTENT_LENGTH: 6,
  /** RFC 9113 §8.2, §8.2.2, §8.3.1: none that a request may have. */
  FORBIDDEN: 7,
  TE: 8,
} as const
export type FieldName = (typeof FieldName)[keyof typeof FieldName]

const NAMES: Readonly<Record<string, FieldName>> = {
  ':method': FieldName.METHOD,
  ':scheme': FieldName.SCHEME,
  ':path': FieldName.PATH,
  ':authority': FieldName.AUTHORITY,
  'content-type': FieldName.CONTENT_TYPE,
  'content-length': FieldName.CONTENT_LENGTH,
  te: FieldName.TE,
  connection: FieldName.FORBIDDEN,
  'proxy-connection': FieldName.FORBIDDEN,
  'keep-alive': FieldName.FORBIDDEN,
  'transfer-encoding': FieldName.FORBIDDEN,
  upgrade: FieldName.FORBIDDEN,
}

/** RFC 9110 §5.1, and lower case as RFC 9113 §8.2.1 asks. */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/

/** What the field of that name is. */
export function fieldName(name: string): FieldName {
  if (Object.hasOwn(NAMES, name)) return NAMES[name]!
  return TOKEN.test(name) ? FieldName.OTHER : FieldName.FORBIDDEN
}

/** The static table; index 1 is its first field. */
export const STATIC_TABLE: readonly TableField[] = ROWS.map(([name, value = '']) => ({
  name: fieldName(name),
  value: Buffer.from(value, 'latin1'),
  size: name.length + value.length + 32,
}))

/** Octets of the name that a static index stands for. */
export const STATIC_NAME_LENGTHS: readonly number[] = ROWS.map(([name]) => name.length)
