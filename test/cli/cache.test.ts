import t from 'tap'
import { playDaemon, type } from './session.ts'

t.test('cache show and flush', async t => {
  const { cwd, asked } = await playDaemon(t, {
    'cache.show': () => ({ entries: 3, octets: 300, size: 1000 }),
    'cache.flush': () => ({ subtree: false, removed: 1 }),
  })
  t.equal((await type(cwd, ['cache', 'show'])).out, 'entries: 3\noctets:  300 of 1000\n')
  t.equal((await type(cwd, ['cache', 'flush', 'a.example', '--subtree', '--view', 'v'])).out, '1 answer forgotten\n')
  t.same(JSON.parse((await type(cwd, ['cache', 'flush', '--json'])).out), { subtree: false, removed: 1 })
  t.same(asked, [
    ['cache.show', {}],
    ['cache.flush', { name: 'a.example', view: 'v', subtree: true }],
    ['cache.flush', { subtree: false }],
  ])
})
