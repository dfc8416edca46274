import { Ajv2020 } from 'ajv/dist/2020.js'
import t from 'tap'
import { parse } from 'yaml'
import { printJsonSchema } from '../../config/reference.ts'
import { fixture, load, SECRET, shown, sourcesOf } from './sources.ts'

const validate = new Ajv2020({ strict: true, allowUnionTypes: true }).compile(JSON.parse(printJsonSchema()))
const FILES = {
  'keys/externaldns.secret': SECRET,
  'keys/oidc.secret': 'secret',
  'tls.crt': '-----BEGIN CERTIFICATE-----',
  'tls.key': '-----BEGIN PRIVATE KEY-----',
}
const SOURCES = sourcesOf(
  Object.fromEntries(Object.entries(FILES).map(([name, text]) => [`/etc/namestead/${name}`, text])),
  { XFR_NEW: SECRET, XFR_OLD: SECRET },
)

type Json = null | boolean | number | string | Json[] | { [key: string]: Json }
type Path = (string | number)[]

/** The contract's example, which names most keys there are, and what it leaves out. */
const EXAMPLE = {
  ...(parse(fixture('contract.yaml')) as { [key: string]: Json }),
  tls: { certificate: 'tls.crt', key: 'tls.key' },
  workers: 2,
  tracing: {
    endpoint: 'http://127.0.0.1:4318',
    headers: { authorization: 'secret' },
    sample: 10,
    trust: ['localhost'],
  },
  dashboard: {
    oidc: {
      issuer: 'https://login.example.com/',
      url: 'https://ns1.internal.example.com',
      client_id: 'namestead',
      client_secret: { file: 'keys/oidc.secret' },
      scopes: ['openid', 'groups'],
      name: 'preferred_username',
      label: 'Example',
      roots: 'tls.crt',
      grants: [{ claim: 'groups', values: ['admins'], role: 'admin', zones: ['**'], views: ['inside'] }],
    },
  },
}

/** What no scalar of a config may be replaced by, and values that some may. */
const STRANGERS: Json[] = [null, true, 7, 1.5, '', 'word', 'two words', [], [7], {}, { word: 1 }]

function* pathsOf(value: Json, path: Path = []): Generator<Path> {
  if (path.length > 0) yield path
  if (Array.isArray(value)) for (const [i, item] of value.entries()) yield* pathsOf(item, [...path, i])
  else if (typeof value === 'object' && value !== null)
    for (const [key, item] of Object.entries(value)) yield* pathsOf(item, [...path, key])
}

/** A copy of `value` in which what stands at `path` is replaced, or left out where `by` is undefined. */
function changed(value: Json, [step, ...rest]: Path, by: Json | undefined): Json {
  const copy = structuredClone(value) as { [key: string]: Json }
  if (rest.length > 0) copy[step!] = changed(copy[step!]!, rest, by)
  else if (by !== undefined) copy[step!] = by
  else if (Array.isArray(copy)) copy.splice(step as number, 1)
  else delete copy[step!]
  return copy
}

/** The loader knows more than a schema can say: what names refer to, and what a value means. Of the shape it knows the same. */
const SHAPE = /unknown key|is missing: |expected (true or false|a map|a list|a whole number|text)/

t.test('the published JSON Schema and the loader are of one mind', async t => {
  t.strictSame(shown(load(JSON.stringify(EXAMPLE), SOURCES).errors), [], 'the loader takes the example')
  t.ok(validate(EXAMPLE), 'the schema takes it')
  const stricter: string[] = []
  const laxer: string[] = []
  let refused = 0
  for (const { what, document, left } of variants()) {
    const errors = shown(load(JSON.stringify(document), SOURCES).errors)
    const valid = validate(document)
    if (!valid) refused++
    // A key with nothing behind it counts as left out; an editor may still point at it.
    if (!valid && !left && errors.length === 0) stricter.push(what)
    if (valid && errors.some(text => SHAPE.test(text))) laxer.push(`${what}: ${errors.join('; ')}`)
  }
  t.strictSame(stricter, [], 'what the schema refuses the loader refuses, too')
  t.strictSame(laxer, [], 'a wrong shape that the loader finds the schema finds, too')
  t.ok(refused > 1000, `${refused} documents were refused`)
})

/** The example with one value left out, replaced or added. */
function* variants(): Generator<{ what: string; document: Json; left: boolean }> {
  for (const path of pathsOf(EXAMPLE)) {
    const where = path.join('.')
    const isKey = typeof path.at(-1) === 'string'
    yield { what: `${where} left out`, document: changed(EXAMPLE, path, undefined), left: false }
    for (const by of STRANGERS) {
      const document = changed(EXAMPLE, path, by)
      yield { what: `${where} ${JSON.stringify(by)}`, document, left: by === null && isKey }
    }
    if (!isKey) continue
    const stranger = [...path.slice(0, -1), 'unheard_of']
    yield { what: `${stranger.join('.')} added`, document: changed(EXAMPLE, stranger, 1), left: false }
  }
}
