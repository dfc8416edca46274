import t from 'tap'
import { systemClock } from '../../../host/clock.ts'
import { silentLog } from '../../../host/log.ts'
import { systemRandom } from '../../../host/random.ts'
import { authenticate } from '../../../server/api/authenticate.ts'
import { sendProblem } from '../../../server/api/problem.ts'
import { Sessions } from '../../../server/api/sessions.ts'
import { createTokenStore, TOKEN_MIGRATIONS } from '../../../server/api/token-store.ts'
import { openTokens } from '../../../server/api/tokens.ts'
import { createApp } from '../../../server/http/http-app.ts'
import { openMemoryDatabase } from '../../../server/storage/memory-database.ts'

const world = async () => {
  const waits: { ms: number; task: () => void }[] = []
  const time = { now: 0 }
  const after = (ms: number, task: () => void) => {
    waits.push({ ms, task })
    return { cancel() {} }
  }
  const clock = { ...systemClock, monotonic: () => time.now, after }
  const tokens = await openTokens(createTokenStore(openMemoryDatabase(TOKEN_MIGRATIONS)), systemClock, systemRandom)
  const app = createApp(silentLog)
  app.register(async scope => {
    scope.setErrorHandler((error, request, reply) => sendProblem(error, request, reply, silentLog))
    const sessions = new Sessions(tokens, clock, systemRandom)
    authenticate(scope, { tokens, sessions, clock, log: silentLog })
    scope.get('/', async () => 'in')
  })
  await app.ready()
  const ask = async (token: string, remoteAddress = '192.0.2.1') =>
    await app.inject({ url: '/', headers: { 'x-api-key': token }, remoteAddress })
  return { waits, time, tokens, ask }
}

t.test('a wrong token is answered late, and a right one at once', async t => {
  const { waits, tokens, ask } = await world()
  const { text } = await tokens.create({ zones: ['**'], roles: [] })
  let answered = false
  const wrong = ask('nst_000000000000_x').then(answer => {
    answered = true
    return answer
  })
  t.equal((await ask(text)).statusCode, 200)
  t.notOk(answered)
  t.strictSame(
    waits.map(({ ms }) => ms),
    [1000],
  )
  waits[0]!.task()
  t.equal((await wrong).statusCode, 401)
})

t.test('too many wrong tokens from one address are not looked at; the right one still gets in', async t => {
  const { waits, tokens, ask } = await world()
  const { text } = await tokens.create({ zones: ['**'], roles: [] })
  const first = Array.from({ length: 10 }, () => ask('wrong'))
  const refused = await ask('wrong')
  t.equal(refused.statusCode, 429)
  t.equal(refused.headers['retry-after'], '5')
  for (const { task } of waits) task()
  t.strictSame(
    (await Promise.all(first)).map(({ statusCode }) => statusCode),
    Array(10).fill(401),
  )
  t.equal((await ask(text)).statusCode, 200)
  const other = ask('wrong', '192.0.2.2')
  await ask(text)
  waits.at(-1)!.task()
  t.equal((await other).statusCode, 401, 'another address is another matter')
})

t.test('a token that asks too often is told to wait', async t => {
  const { tokens, ask, time } = await world()
  const { text } = await tokens.create({ zones: ['**'], roles: [] })
  const statuses = await Promise.all(Array.from({ length: 201 }, async () => (await ask(text)).statusCode))
  t.strictSame(statuses.filter(status => status === 429).length, 1)
  time.now = 1000
  t.equal((await ask(text)).statusCode, 200)
})
