import { readFileSync } from 'node:fs'
import { Ajv2020 } from 'ajv/dist/2020.js'
import t from 'tap'
import { parse } from 'yaml'
import { printJsonSchema, printReference } from '../../config/reference.ts'
import { fixture } from './sources.ts'

const published = (file: string) => readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8')

t.test(
  'the reference page and the JSON Schema are what the schema says (scripts/config-docs.ts writes them)',
  async t => {
    t.equal(published('docs/configuration.md'), printReference())
    t.equal(published('config/namestead.schema.json'), printJsonSchema())
  },
)

t.test('the JSON Schema takes the normative example and refuses an unknown key', async t => {
  const validate = new Ajv2020({ strict: true, allowUnionTypes: true }).compile(JSON.parse(printJsonSchema()))
  const example = parse(fixture('contract.yaml'))
  t.ok(validate(example), JSON.stringify(validate.errors))
  t.ok(validate(parse(fixture('loopback.yaml'))))
  t.notOk(validate({ ...example, nmae: 'x' }))
  t.notOk(validate({ ...example, log: { level: 'loud' } }))
})
