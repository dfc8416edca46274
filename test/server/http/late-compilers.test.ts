import t from 'tap'
import { silentLog } from '../../../host/log.ts'
import { createApp } from '../../../server/http/http-app.ts'

const schema = {
  params: { type: 'object', properties: { count: { type: 'integer', maximum: 9 } } },
  querystring: { type: 'object', properties: { name: { type: 'string', minLength: 2 } } },
  response: { 200: { type: 'object', properties: { count: { type: 'integer' } } } },
} as const

t.test('schemas that are compiled late judge and shape like those that are not', async t => {
  const app = createApp(silentLog)
  t.teardown(() => app.close())
  app.get<{ Params: { count: number } }>('/:count', { schema }, async ({ params }) => ({ ...params, unasked: true }))
  for (let time = 0; time < 2; time++) {
    const good = await app.inject('/7?name=ab')
    t.strictSame([good.statusCode, good.json()], [200, { count: 7 }], 'values are converted, and nothing else is told')
    const wrong = await app.inject('/70')
    t.equal(wrong.statusCode, 400)
    t.match(wrong.json().detail, /params\/count must be <= 9/)
    t.match((await app.inject('/7?name=a')).json().detail, /querystring\/name must NOT have fewer than 2 characters/)
  }
})
