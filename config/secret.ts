import { resolve } from 'node:path'
import { byShape, type Context, type Kind, list, mapped, optional, record } from './kinds.ts'
import type { Place } from './source.ts'
import { text } from './values.ts'

/** Where something is that is not written into the config itself. */
const place = record(
  {
    file: optional(text, 'a file that holds it, relative to the config file'),
    env: optional(text, 'an environment variable that holds it'),
  },
  ({ file, env }) => ((file === undefined) === (env === undefined) ? 'give either file or env' : undefined),
)

/** A secret that is there. */
const elsewhere: Kind<string> = mapped(place, ({ file, env }, context, at) =>
  file === undefined ? fromEnvironment(env!, context) : fromSecretFile(file, context, at),
)

/** The text of a file that nobody else should be able to read; throws an Error that says why it can't be read. */
export function fromSecretFile(path: string, context: Context, at: Place): string {
  warnIfExposed(path, context, at)
  return fromFile(path, context)
}

function warnIfExposed(path: string, context: Context, at: Place): void {
  const absolute = resolve(context.directory, path)
  try {
    if ((context.mode?.(absolute) ?? 0) & 0o077)
      context.warn(at, `${absolute} holds a secret and is open to other users: chmod 600 it`)
  } catch {
    // That the file can't be read is said by who reads it.
  }
}

function fromEnvironment(name: string, context: Context): string {
  const value = context.env[name]
  if (!value) throw new Error(`the environment variable ${name} is not set`)
  return value
}

function fromFile(path: string, context: Context): string {
  const absolute = resolve(context.directory, path)
  try {
    return context.readFile(absolute)
  } catch (error) {
    throw new Error(`${absolute} can't be read: ${reasonOf(error)}`)
  }
}

/** "no such file", from an error of the file system. */
export function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException
  if (code === 'ENOENT') return 'there is no such file'
  if (code === 'EACCES' || code === 'EPERM') return 'permission denied'
  if (code === 'EISDIR') return 'it is a directory'
  return message
}

/** Without the fields of its map: the reference page explains them once, for all secrets. */
function plain<T>({ json, label, decode }: Kind<T>): Kind<T> {
  return { json, label, decode }
}

/** A secret that is never written into the config itself: `{ file: PATH }` or `{ env: NAME }`; without the line break that files end in. */
export const secretElsewhere: Kind<string> = mapped(
  {
    json: elsewhere.json,
    label: 'secret: `{ file: PATH }` or `{ env: NAME }`',
    decode(source, context) {
      if (source.kind === 'map') return elsewhere.decode(source, context)
      context.report(source.at, 'expected { file: PATH } or { env: NAME }: this secret is not written here')
      return undefined
    },
  },
  value => value.trim(),
)

/** Text that is not repeated where it is wrong: digits alone, for one, are a number in YAML. */
const hidden: Kind<string> = {
  ...text,
  decode(source, context) {
    if (source.kind === 'scalar' && typeof source.value === 'string') return source.value
    context.report(source.at, 'expected text: write the secret in quotes')
    return undefined
  },
}

/** A secret as text: inline, `{ file: PATH }` or `{ env: NAME }`; without the line break that files end in. */
export const secret: Kind<string> = mapped(
  byShape({ scalar: hidden, map: plain(elsewhere), label: 'secret: text, `{ file: PATH }` or `{ env: NAME }`' }),
  value => value.trim(),
)

/** A TSIG secret: base64, or a file with a BIND `key {}` clause. */
const tsigSecret: Kind<Uint8Array> = mapped(secret, value => {
  const clause = /\bsecret\s+"?([^";\s]*)"?\s*;/.exec(value)
  const octets = Buffer.from(clause?.[1] ?? value, 'base64')
  const again = octets.toString('base64').replace(/=+$/, '')
  // The message must never repeat the secret.
  if (octets.length === 0 || again !== (clause?.[1] ?? value).replace(/=+$/, ''))
    throw new Error('expected a secret in base64')
  return new Uint8Array(octets)
})

/** One secret or, for rotation, several: the first signs, any is accepted. */
export const tsigSecrets: Kind<Uint8Array[]> = byShape({
  scalar: mapped(tsigSecret, one => [one]),
  map: mapped(tsigSecret, one => [one]),
  list: list(tsigSecret, { nonEmpty: true }),
  label: 'secret in base64: text, `{ file: PATH }`, `{ env: NAME }`, or a list of these',
})

/** The secret of DNS cookies: 128 bits, as BIND's `cookie-secret` has them (RFC 9018 §4.4). */
const cookieSecret: Kind<Uint8Array> = mapped(secret, value => {
  if (!/^[0-9a-f]{32}$/i.test(value)) throw new Error('expected a secret of 32 hexadecimal digits')
  return Uint8Array.from(Buffer.from(value, 'hex'))
})

/** One secret or, for rotation, several: the first makes cookies, any is accepted. */
export const cookieSecrets: Kind<Uint8Array[]> = byShape({
  scalar: mapped(cookieSecret, one => [one]),
  map: mapped(cookieSecret, one => [one]),
  list: list(cookieSecret, { nonEmpty: true }),
  label: 'secret of 32 hexadecimal digits: text, `{ file: PATH }`, `{ env: NAME }`, or a list of these',
})

const BEGIN = '-----BEGIN '

/** PEM text: inline, or in a file given as a path, `{ file: PATH }` or `{ env: NAME }`. Certificates are for everybody; keys are not. */
export const pem: Kind<string> = mapped(
  byShape<{ file?: string; env?: string; inline?: string }>({
    scalar: mapped(hidden, value => (value.includes(BEGIN) ? { inline: value } : { file: value })),
    map: plain(place),
    label: 'path of a PEM file',
  }),
  ({ file, env, inline }, context, at) => {
    const content = inline ?? (file === undefined ? fromEnvironment(env!, context) : fromFile(file, context))
    if (!content.includes(BEGIN)) throw new Error('expected PEM: nothing in it begins with -----BEGIN')
    if (file !== undefined && /PRIVATE KEY-----/.test(content)) warnIfExposed(file, context, at)
    return content
  },
)
