import type { Prefix } from './address.ts'
import type { Place, Source } from './source.ts'
import { nearest } from './spelling.ts'

/** What decoding may ask of its surroundings. */
export interface Context {
  report(at: Place, message: string): void
  /** Says what is legal but unsafe. */
  warn(at: Place, message: string): void
  /** A file's text; throws as `readFileSync` does. */
  readFile(path: string): string
  /** A file's permission bits, where there are any. */
  mode?(path: string): number
  env: Readonly<Record<string, string | undefined>>
  hostname: string
  /** The config file's directory; files that the operator supplies are relative to it. */
  directory: string
  /** Absolute `data_dir`; files that the daemon makes are relative to it. */
  dataDir: string
  /** The access list of that name, built in or from `acls`. */
  acl(name: string): Prefix[] | undefined
  /** The names that the document declares, in its order, by section. */
  declared: Readonly<Record<Section, readonly string[]>>
}

/** Sections whose entries are referred to by name elsewhere. */
export type Section = 'keys' | 'acls' | 'views' | 'profiles'

/** A value as it is written in YAML or JSON. */
export type Written = string | number | boolean | null | readonly Written[] | { readonly [key: string]: Written }

/** JSON Schema, as far as we write it. */
export type JsonSchema = Record<string, unknown>

/** One kind of value: how editors check it, how it is decoded, and what the reference page says of it. */
export interface Kind<T> {
  json: JsonSchema
  /** For the reference page: "duration", "list of names". */
  label: string
  /** The fields, of a map with fixed keys; also where it is an item or an alternative. */
  fields?: Readonly<Record<string, Field<unknown, Presence>>>
  /** How the path to those fields goes on: nothing, an item, or a name of the operator's choice. */
  nesting?: '' | '[]' | '.NAME'
  /** The decoded value, or undefined after saying what is wrong. */
  decode(source: Source, context: Context): T | undefined
}

/** Whether a decoded map always has the key. */
export type Presence = 'always' | 'maybe'

/** A key of a map. */
export interface Field<T, P extends Presence> {
  kind: Kind<T>
  presence: P
  description: string
  /** What stands in for it where it is left out. */
  default?: Written | ((context: Context) => T)
  /** How the reference page words a computed default. */
  defaultText?: string
  required?: true
}

/** The type of a kind's decoded values. */
export type Decoded<K> = K extends Kind<infer T> ? T : never

type FieldType<F> = F extends Field<infer T, Presence> ? T : never
type KeysOf<S, P extends Presence> = { [K in keyof S]: S[K] extends Field<unknown, P> ? K : never }[keyof S]
type Shape = Readonly<Record<string, Field<unknown, Presence>>>
type DecodedMap<S> = { [K in KeysOf<S, 'always'>]: FieldType<S[K]> } & { [K in KeysOf<S, 'maybe'>]?: FieldType<S[K]> }
type Simplify<T> = { [K in keyof T]: T[K] } & {}

/** A key that must be there. */
export function required<T>(kind: Kind<T>, description: string): Field<T, 'always'> {
  return { kind, presence: 'always', description, required: true }
}

/** A key that may be left out. */
export function optional<T>(kind: Kind<T>, description: string): Field<T, 'maybe'> {
  return { kind, presence: 'maybe', description }
}

/** A key that has a value where it is left out: one as it would be written, or one that depends on the rest of the file. */
export function defaulted<T>(kind: Kind<T>, value: Written, description: string): Field<T, 'always'> {
  return { kind, presence: 'always', description, default: value }
}

/** A key whose default follows from its surroundings; `text` says how. */
export function derived<T>(
  kind: Kind<T>,
  value: (context: Context) => T,
  text: string,
  description: string,
): Field<T, 'always'> {
  return { kind, presence: 'always', description, default: value, defaultText: text }
}

/** A map with fixed keys; an unknown key is an error. `check` may look at the whole once its keys are right. */
export function record<S extends Shape>(
  fields: S,
  check?: (value: Simplify<DecodedMap<S>>) => string | undefined,
): Kind<Simplify<DecodedMap<S>>> {
  return {
    json: {
      type: 'object',
      additionalProperties: false,
      properties: Object.fromEntries(Object.entries(fields).map(([key, field]) => [key, fieldJson(field)])),
      ...requiredKeys(fields),
    },
    label: 'map',
    fields,
    decode(source, context) {
      if (source.kind !== 'map') return expected('a map of keys and values', source, context)
      reportUnknownKeys(source.entries, fields, context)
      const decoded = decodeFields(source, fields, context) as Simplify<DecodedMap<S>> | undefined
      const complaint = decoded && check?.(decoded)
      if (!complaint) return decoded
      context.report(source.at, complaint)
      return undefined
    },
  }
}

function requiredKeys(fields: Shape): JsonSchema {
  const keys = Object.keys(fields).filter(key => fields[key]!.required)
  return keys.length > 0 ? { required: keys } : {}
}

function fieldJson(field: Field<unknown, Presence>): JsonSchema {
  const json = { description: field.description, ...field.kind.json }
  return field.default === undefined || typeof field.default === 'function' ? json : { ...json, default: field.default }
}

function reportUnknownKeys(entries: Map<string, { at: Place }>, fields: Shape, context: Context): void {
  for (const [key, { at }] of entries) {
    if (Object.hasOwn(fields, key)) continue
    const meant = nearest(key, Object.keys(fields))
    const hint = meant ? `, did you mean "${meant}"?` : `; expected one of ${Object.keys(fields).join(', ')}`
    context.report(at, `unknown key "${key}"${hint}`)
  }
}

function decodeFields(source: Source & { kind: 'map' }, fields: Shape, context: Context): object | undefined {
  const decoded: Record<string, unknown> = {}
  let whole = true
  for (const [key, field] of Object.entries(fields)) {
    const value = decodeField(key, field, source, context)
    if (value !== undefined) decoded[key] = value
    else if (field.presence === 'always' || isGiven(source, key)) whole = false
  }
  return whole ? decoded : undefined
}

function decodeField(key: string, field: Field<unknown, Presence>, map: Source & { kind: 'map' }, context: Context) {
  if (isGiven(map, key)) return field.kind.decode(map.entries.get(key)!.value, context)
  if (typeof field.default === 'function') return field.default(context)
  if (field.default !== undefined) return field.kind.decode(sourceOf(field.default, map.at), context)
  if (field.required) context.report(map.at, `"${key}" is missing: ${field.description}`)
  return undefined
}

/** A key with nothing behind it counts as left out. */
function isGiven(map: Source & { kind: 'map' }, key: string): boolean {
  const value = map.entries.get(key)?.value
  return value !== undefined && !(value.kind === 'scalar' && value.value === null)
}

/** The document that a written value would be, standing at `at`. */
export function sourceOf(written: Written, at: Place): Source {
  if (written === null || typeof written !== 'object') return { kind: 'scalar', value: written, at }
  if (Array.isArray(written)) return { kind: 'list', items: written.map(item => sourceOf(item, at)), at }
  const entries = Object.entries(written).map(([key, value]) => [key, { at, value: sourceOf(value, at) }] as const)
  return { kind: 'map', entries: new Map(entries), at }
}

/** A map from names of the operator's choice. */
export function dictionary<T>(kind: Kind<T>, label: string): Kind<Record<string, T>> {
  return {
    json: { type: 'object', additionalProperties: kind.json },
    label,
    ...(kind.fields ? { fields: kind.fields, nesting: '.NAME' } : {}),
    decode(source, context) {
      if (source.kind !== 'map') return expected('a map of keys and values', source, context)
      const decoded: Record<string, T> = {}
      let whole = true
      for (const [key, { value }] of source.entries) {
        const one = kind.decode(value, context)
        if (one === undefined) whole = false
        else Object.defineProperty(decoded, key, { value: one, enumerable: true })
      }
      return whole ? decoded : undefined
    },
  }
}

/** How a list is checked beyond its items. */
export interface ListOptions<T> {
  /** No two items may have the same. */
  unique?: (item: T) => string
  nonEmpty?: true
}

/** A list; every bad item is reported, not only the first. */
export function list<T>(item: Kind<T>, options: ListOptions<T> = {}): Kind<T[]> {
  return {
    json: { type: 'array', items: item.json, ...(options.nonEmpty ? { minItems: 1 } : {}) },
    label: `list of ${plural(item.label)}`,
    ...(item.fields ? { fields: item.fields, nesting: '[]' } : {}),
    decode(source, context) {
      if (source.kind !== 'list') return expected(`a list of ${plural(item.label)}`, source, context)
      const decoded = source.items.map(one => item.decode(one, context))
      if (options.unique) reportDuplicates(source.items, decoded, options.unique, context)
      if (source.items.length === 0 && options.nonEmpty) return expected(`at least one ${item.label}`, source, context)
      return decoded.every(one => one !== undefined) ? (decoded as T[]) : undefined
    },
  }
}

/** "domain names", of "domain name"; what follows the noun stays as it is. */
function plural(label: string): string {
  const [, noun, rest] = /^(.*?)((?:,|:| such | of | with | in | from ).*)?$/.exec(label)!
  if (noun!.startsWith('`') || noun!.endsWith('ed')) return label
  return `${noun}${/s$/.test(noun!) ? 'es' : 's'}${rest ?? ''}`
}

function reportDuplicates<T>(
  sources: readonly Source[],
  items: readonly (T | undefined)[],
  key: (item: T) => string,
  context: Context,
): void {
  const seen = new Map<string, Place>()
  items.forEach((item, i) => {
    if (item === undefined) return
    const first = seen.get(key(item))
    if (first) context.report(sources[i]!.at, `given twice, first in line ${first.line}, column ${first.column}`)
    else seen.set(key(item), sources[i]!.at)
  })
}

/** A value that may be written as a scalar, a list or a map, each with its own meaning. */
export function byShape<T>(shapes: { scalar?: Kind<T>; list?: Kind<T>; map?: Kind<T>; label?: string }): Kind<T> {
  const kinds = [shapes.scalar, shapes.list, shapes.map].filter(kind => kind !== undefined)
  const nested = shapes.map?.fields ? shapes.map : shapes.list
  const label = shapes.label ?? kinds.map(kind => kind.label).join(' or ')
  return {
    json: { anyOf: kinds.map(kind => kind.json) },
    label,
    ...(nested?.fields ? { fields: nested.fields, nesting: nested.nesting ?? '' } : {}),
    decode(source, context) {
      const kind = shapes[source.kind]
      return kind ? kind.decode(source, context) : expected(label, source, context)
    },
  }
}

/** The same kind, its decoded values made into something else; `change` may throw an Error that says what is wrong. */
export function mapped<T, U>(kind: Kind<T>, change: (value: T, context: Context, at: Place) => U): Kind<U> {
  return {
    ...kind,
    decode(source, context) {
      const value = kind.decode(source, context)
      if (value === undefined) return undefined
      try {
        return change(value, context, source.at)
      } catch (error) {
        context.report(source.at, (error as Error).message)
        return undefined
      }
    },
  }
}

/** Says that something else was expected; gives undefined for the caller to return. */
export function expected(what: string, source: Source, context: Context): undefined {
  context.report(source.at, `expected ${what}, found ${describe(source)}`)
}

function describe(source: Source): string {
  if (source.kind !== 'scalar') return `a ${source.kind}`
  if (source.value === null) return 'nothing'
  const text = typeof source.value === 'string' ? JSON.stringify(source.value) : String(source.value)
  return text.length > 80 ? `${text.slice(0, 77)}...` : text
}
