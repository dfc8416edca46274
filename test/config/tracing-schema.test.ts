import t from 'tap'
import { load, shown, sourcesOf } from './sources.ts'

t.test('a collector, with what is left out filled in', async t => {
  const sources = sourcesOf({ '/etc/namestead/token': 'Bearer s3cret\n' })
  const { config, errors } = load(
    'tracing: { endpoint: "http://127.0.0.1:4318/", headers: { authorization: { file: token } }, trust: [localhost] }',
    sources,
  )
  t.strictSame(shown(errors), [])
  t.match(config!.tracing, {
    ...{
      endpoint: 'http://127.0.0.1:4318',
      headers: { authorization: 'Bearer s3cret' },
      service: 'namestead',
      sample: 1,
    },
    trust: [{ length: 8 }, { length: 128 }],
  })
  t.equal(load('').config!.tracing, undefined)
})

t.test('what is wrong with one', async t => {
  for (const [text, words] of [
    ['tracing: {}', /"endpoint" is missing/],
    ['tracing: { endpoint: "grpc://127.0.0.1:4317" }', /expected http or https URL/],
    ['tracing: { endpoint: "http://127.0.0.1:4318", sample: 0 }', /whole number from 1/],
    ['tracing: { endpoint: "http://127.0.0.1:4318", trust: [nobody] }', /no access list is named "nobody"/],
  ] as const)
    t.match(shown(load(text).errors).join('\n'), words)
})
