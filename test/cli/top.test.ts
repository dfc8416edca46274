import { stripVTControlCharacters } from 'node:util'
import t from 'tap'
import { run } from '../../cli/main.ts'
import type { LiveState } from '../../cli/replies.ts'
import { playDaemon, type } from './session.ts'

const LIVE: LiveState = {
  at: '2026-01-01T00:00:00.000Z',
  sample: {
    at: 1_767_225_600_000,
    views: { inside: { NOERROR: 1203.4, SERVFAIL: 0.25 }, outside: { REFUSED: 3 } },
    latency: { half: 0.00004, p95: 0.0009, p99: 0.0123 },
    updates: { NOERROR: 2 },
    cached: 0.934,
  },
  zones: { all: 3, records: 40, signed: 1, unserved: [{ view: 'inside', zone: 'b.example.', why: 'expired' }] },
  upstreams: [
    {
      ...{ view: 'inside', zone: '.', upstream: '192.0.2.1:53', state: 'down', outstanding: 4 },
      ...{ asked: 100, unanswered: 7, reason: 'no answer' },
    },
  ],
  top: {
    seconds: 300,
    names: Array.from({ length: 12 }, (_, i) => ({ key: `www${i}.a.example. A`, count: 100 - i })),
    clients: [],
    failures: [{ key: 'dead.example. A', count: 5 }],
    blocked: [],
  },
  resolver: {},
  ca: {
    day: { issued: 4 },
    ending: [{ serial: 'a', names: ['a.example'], not_after: '2026-01-02T00:00:00Z' }],
    authorities: [],
    waiting: 0,
  },
}

t.test('what goes on is printed once where nobody watches', async t => {
  const { cwd } = await playDaemon(t, { live: () => LIVE })
  const { exit, out, err } = await type(cwd, ['top'])
  t.same([exit, err], [0, ''])
  t.equal(
    out,
    `2026-01-01T00:00:00.000Z  3 zones, 40 records, 1 signed; b.example. in view inside: expired

VIEW     ANSWERS/S  BY RCODE
inside   1204       NOERROR 1203, SERVFAIL 0.3
outside  3.0        REFUSED 3.0
half within 40 µs, 99 % within 12 ms; 93 % from the answer cache; updates: NOERROR 2.0

UPSTREAM      FOR  VIEW    STATE  TIME  OUTSTANDING  ASKED  UNANSWERED
192.0.2.1:53  .    inside  down   –     4            100    7

FAILURES (SERVFAIL)  TIMES
dead.example. A      5

NAMES              TIMES
${Array.from({ length: 8 }, (_, i) => `www${i}.a.example. A  ${100 - i}`).join('\n')}

CA, last day: 4 issued
ENDS NEXT  AT
a.example  2026-01-02T00:00:00Z
`,
  )
  t.same(JSON.parse((await type(cwd, ['top', '--json'])).out), LIVE)
})

t.test('just after a start there is no sample', async t => {
  const { sample: _, ca: __, ...quiet } = LIVE
  const { cwd } = await playDaemon(t, {
    live: () => ({ ...quiet, upstreams: [], top: { ...LIVE.top, names: [], failures: [] } }),
  })
  t.match((await type(cwd, ['top', '--once'])).out, /\n\nno sample yet\n$/)
})

t.test('on a terminal it is drawn over, cut to the screen, until a key ends it', async t => {
  const { cwd, asked } = await playDaemon(t, { live: () => LIVE })
  let out = ''
  const waits: number[] = []
  let closed = 0
  const screen = {
    columns: 20,
    rows: 4,
    wait: async (ms: number) => waits.push(ms) < 3,
    close: () => void closed++,
  }
  const exit = await run(['top'], {
    ...{ cwd, env: {}, openScreen: () => screen },
    out: text => {
      out += text
    },
    err: () => {},
  })
  t.same([exit, asked.length, waits.length, closed], [0, 3, 3, 1])
  const pictures = out.split('\u001b[H').slice(1)
  t.equal(pictures.length, 3)
  t.equal(pictures[0], '2026-01-01T00:00:00.\u001b[K\n\u001b[K\nVIEW     ANSWERS/S  \u001b[K\n\u001b[J')
})

t.test('in colour where the terminal may have it, and nowhere else', async t => {
  const { cwd } = await playDaemon(t, { live: () => LIVE })
  const look = async (colours: boolean, more: object = {}) => {
    let out = ''
    await run(['top'], {
      ...{ cwd, env: {}, colours, ...more },
      out: text => {
        out += text
      },
      err: () => {},
    })
    return out
  }
  const coloured = await look(true)
  t.equal(stripVTControlCharacters(coloured), await look(false), 'nothing but colour is added: columns stay')
  t.match(coloured, '\u001b[1mVIEW\u001b[22m')
  t.match(coloured, '\u001b[31mSERVFAIL 0.3\u001b[39m')
  t.match(coloured, '\u001b[33mREFUSED 3.0\u001b[39m')
  t.match(coloured, '\u001b[31mdown\u001b[39m')
  t.match(coloured, '\u001b[31mb.example. in view inside: expired\u001b[39m')
  const screen = { columns: 4, rows: 20, wait: async () => false, close() {} }
  const drawn = await look(true, { openScreen: () => screen })
  t.match(stripVTControlCharacters(drawn), '\nVIEW\n')
  t.match(drawn, '\nhalf\u001b[K\n')
})
