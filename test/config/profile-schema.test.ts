import t from 'tap'
import { load } from './sources.ts'

const errorsOf = (profile: string) =>
  load(`
listen: { https: ["127.0.0.1:443"] }
views: [{ name: inside }]
ca:
  name: Test
  url: https://ca.example.test
  profiles: [{ name: default, validity: 1d, ${profile} }]
`).errors

t.test('a profile whose keys are made here must take a kind that is', async t => {
  t.match(errorsOf('server_keys: true, keys: [ecdsa-p521]'), [{ message: /must take another kind of key/ }])
  for (const fine of ['keys: [ecdsa-p521]', 'server_keys: true, keys: [ecdsa-p521, rsa-3072]', 'server_keys: true'])
    t.same(errorsOf(fine), [], fine)
})
