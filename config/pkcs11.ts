import { type Context, type Kind, mapped, optional, record, required } from './kinds.ts'
import { fromSecretFile, secret } from './secret.ts'
import type { Place } from './source.ts'
import { text } from './values.ts'

/** What the path of a PKCS#11 URI says (RFC 7512 §2.3); the id in hex. */
export interface TokenObject {
  token?: string | undefined
  manufacturer?: string | undefined
  model?: string | undefined
  serial?: string | undefined
  slot?: number | undefined
  object?: string | undefined
  id?: string | undefined
}

/** A key in a token. */
export interface TokenKey extends TokenObject {
  /** Path of the PKCS#11 module. */
  module: string
  pin?: string | undefined
}

/** A PKCS#11 URI taken apart; its values are decoded. */
export interface Pkcs11Uri extends TokenObject {
  query: ReadonlyMap<string, string>
}

const PATH_ATTRIBUTES: ReadonlySet<string> = new Set([
  'token',
  'manufacturer',
  'model',
  'serial',
  'slot-id',
  'object',
  'id',
  'type',
])
const QUERY_ATTRIBUTES: ReadonlySet<string> = new Set(['module-path', 'pin-source'])

/** Reads a PKCS#11 URI (RFC 7512 §2.3). Throws an Error that says what is wrong with it, and repeats no PIN. */
export function parsePkcs11Uri(uri: string): Pkcs11Uri {
  if (!/^pkcs11:/i.test(uri)) throw new Error('expected a PKCS#11 URI (RFC 7512), such as pkcs11:token=ca;object=root')
  const [path = '', query = ''] = uri.slice('pkcs11:'.length).split('?', 2)
  const at = attributesOf(path, ';', PATH_ATTRIBUTES)
  if (at.has('type') && latin(at, 'type') !== 'private') throw new Error('the object of the URI must be a private key')
  const slot = latin(at, 'slot-id')
  if (slot !== undefined && !/^\d{1,15}$/.test(slot)) throw new Error('slot-id must be a number')
  const texts = ['token', 'manufacturer', 'model', 'serial', 'object'].flatMap(name => {
    const octets = at.get(name)
    return octets ? [[name, octets.toString('utf8')] as const] : []
  })
  return {
    ...Object.fromEntries(texts),
    ...(slot !== undefined && { slot: Number(slot) }),
    ...(at.has('id') && { id: at.get('id')!.toString('hex') }),
    query: new Map([...attributesOf(query, '&', QUERY_ATTRIBUTES)].map(([name, octets]) => [name, octets.toString()])),
  }
}

/** The URI that names this object, and nothing of how to get at it. */
export function printPkcs11Uri({ token, manufacturer, model, serial, object, id }: TokenObject): string {
  const texts = Object.entries({ token, manufacturer, model, serial, object }).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${encodeURIComponent(value)}`],
  )
  return `pkcs11:${[...texts, ...(id === undefined ? [] : [`id=${id.replace(/../g, '%$&')}`])].join(';')}`
}

function attributesOf(text: string, separator: string, known: ReadonlySet<string>): Map<string, Buffer> {
  const attributes = new Map<string, Buffer>()
  for (const part of text.split(separator)) {
    if (part === '') continue
    const at = part.indexOf('=')
    const name = at < 0 ? part : part.slice(0, at)
    if (name === 'pin-value') throw new Error('a PIN is not written into a URI: give pin-source, or "pin" beside it')
    if (!known.has(name))
      throw new Error(`"${name}" is no attribute that is used here; there are ${[...known].join(', ')}`)
    // RFC 7512 §2.3: more than one of a name is not allowed.
    if (at < 0 || attributes.has(name)) throw new Error(`the URI must give "${name}" once, with a value`)
    attributes.set(name, percentDecoded(name, part.slice(at + 1)))
  }
  return attributes
}

/** An id is octets, not text, so that decodeURIComponent will not do. */
function percentDecoded(name: string, value: string): Buffer {
  if (!/^(?:[^%]|%[0-9a-f]{2})*$/i.test(value)) throw new Error(`the value of "${name}" has a % that encodes nothing`)
  const parts = value.split(/(%[0-9a-f]{2})/i)
  return Buffer.concat(
    parts.map(part => (part.startsWith('%') ? Buffer.from(part.slice(1), 'hex') : Buffer.from(part))),
  )
}

function latin(attributes: ReadonlyMap<string, Buffer>, name: string): string | undefined {
  return attributes.get(name)?.toString('latin1')
}

/** `{ pkcs11: URI }`, with the module's path and where the PIN is in the URI, or the PIN beside it. */
export const tokenKey: Kind<TokenKey> = mapped(
  record({
    pkcs11: required(
      text,
      'a PKCS#11 URI (RFC 7512): token (or serial, slot-id), object or id, `module-path`, and `pin-source`, the file that holds the PIN',
    ),
    pin: optional(secret, 'the PIN, where the URI has no `pin-source`'),
  }),
  ({ pkcs11, pin }, context, at) => {
    const { query, ...object } = parsePkcs11Uri(pkcs11)
    const module = query.get('module-path')
    const source = query.get('pin-source')
    if (!module?.startsWith('/')) throw new Error('the URI lacks module-path, the absolute path of the PKCS#11 module')
    if (object.token === undefined && object.serial === undefined && object.slot === undefined)
      throw new Error('the URI lacks the token: give token, serial or slot-id')
    if (object.object === undefined) throw new Error('the URI lacks object, the label of the key')
    if (source !== undefined && pin !== undefined) throw new Error('give either pin-source or pin')
    const given = pin ?? (source === undefined ? undefined : pinFrom(source, context, at))
    return { ...object, module, ...(given !== undefined && { pin: given }) }
  },
)

/** RFC 7512 §2.4: a file, or a command, which we do not run. */
function pinFrom(source: string, context: Context, at: Place): string {
  if (source.startsWith('|')) throw new Error('pin-source must be a file; commands are not run')
  return fromSecretFile(source.replace(/^file:(\/\/)?/, ''), context, at).trim()
}
