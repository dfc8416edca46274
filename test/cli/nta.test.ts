import t from 'tap'
import { playDaemon, type } from './session.ts'

const ANCHOR = { zone: 'a.example.', until: '2026-01-02T03:04:05.000Z', why: 'they know', source: 'command' as const }

t.test('nta add, list and remove', async t => {
  const { cwd, asked } = await playDaemon(t, {
    'nta.add': () => ANCHOR,
    'nta.list': () => [ANCHOR, { zone: 'b.example.', until: ANCHOR.until, source: 'config' }],
    'nta.remove': () => ({ zone: 'a.example.' }),
  })
  const line = 'a.example. until 2026-01-02T03:04:05.000Z, by command: they know\n'
  t.strictSame(await type(cwd, ['nta', 'add', 'a.example', '--for', '2h', '--why', 'they know']), {
    exit: 0,
    out: line,
    err: '',
  })
  t.equal((await type(cwd, ['nta', 'list'])).out, `${line}b.example. until 2026-01-02T03:04:05.000Z, by config\n`)
  t.equal((await type(cwd, ['nta', 'remove', 'a.example'])).out, 'a.example. is validated again\n')
  t.same(JSON.parse((await type(cwd, ['nta', 'add', 'a.example', '--json'])).out), ANCHOR)
  t.strictSame(asked, [
    ['nta.add', { name: 'a.example', seconds: 7200, why: 'they know' }],
    ['nta.list', {}],
    ['nta.remove', { name: 'a.example' }],
    ['nta.add', { name: 'a.example', seconds: 3600 }],
  ])
})

t.test('nta with arguments that make no sense', async t => {
  const { cwd } = await playDaemon(t, { 'nta.list': () => [] })
  t.equal((await type(cwd, ['nta', 'list'])).out, 'none\n')
  for (const argv of [['add', 'a..b'], ['add', 'a', '--for', 'ever'], ['remove', 'a..b'], ['add']])
    t.equal((await type(cwd, ['nta', ...argv])).exit, 2, argv.join(' '))
})
