import t from 'tap'
import type { TsigKey } from '../../cli/replies.ts'
import { playDaemon, type } from './session.ts'

const UNUSED: TsigKey = {
  ...{ name: 'spare.', algorithm: 'hmac-sha512', secrets: 1, zones: [], views: [], requests: 0 },
  ...{ old_secret: { requests: 0 }, failures: {} },
}
const ROTATED: TsigKey = {
  ...{ name: 'k.', algorithm: 'hmac-sha256', secrets: 2, views: ['inside'], requests: 7 },
  zones: [{ view: 'inside', zone: 'a.example.', for: ['update', 'transfer'] }],
  last_use: { at: '2026-01-02T00:00:00.000Z', from: '192.0.2.1' },
  old_secret: { requests: 1, last_use: { at: '2026-01-01T00:00:00.000Z', from: '192.0.2.2' } },
  failures: { BADSIG: 2 },
}

t.test('keys are printed with what they are for, and whether an old secret is still used', async t => {
  const { cwd } = await playDaemon(t, { keys: () => [ROTATED, UNUSED] })
  const { exit, out } = await type(cwd, ['keys'])
  t.equal(exit, 0)
  const [, rotated, unused] = out.split('\n').map(line => line.split(/ {2,}/))
  t.strictSame(rotated, [
    ...['k.', 'hmac-sha256', 'update+transfer a.example. (inside), view inside', '7'],
    ...['2026-01-02T00:00:00.000Z from 192.0.2.1', '2026-01-01T00:00:00.000Z from 192.0.2.2', '2 BADSIG'],
  ])
  t.strictSame(unused, ['spare.', 'hmac-sha512', 'nothing', '0', 'not since the start', '-', '-'])
  t.strictSame(JSON.parse((await type(cwd, ['keys', '--json'])).out), [ROTATED, UNUSED])
})
