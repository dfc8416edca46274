import t from 'tap'
import { RowCache } from '../../../ca/store/row-cache.ts'

/** A read that ends when it is told to. */
function slowRead() {
  const { promise, resolve } = Promise.withResolvers<string | undefined>()
  return { read: () => promise, resolve }
}

const unread = () => Promise.reject(new Error('it was known'))

t.test('what was read once is known', async t => {
  const cache = new RowCache<string>()
  t.equal(await cache.get('a', async () => 'one'), 'one')
  t.equal(await cache.get('a', unread), 'one')
})

const CHANGES: Record<string, (cache: RowCache<string>) => unknown> = {
  'the row is forgotten': cache => cache.forget('a'),
  'all are forgotten': cache => cache.clear(),
  'those of a kind are forgotten': cache => cache.forgetWhere(() => false),
  'the row is changed': cache => cache.change('a', async () => {}),
  'the row is told to be another': cache => cache.update('a', row => `${row}!`),
}
for (const [name, change] of Object.entries(CHANGES))
  t.test(`what is being read is not kept where ${name} meanwhile`, async t => {
    const cache = new RowCache<string>()
    const { read, resolve } = slowRead()
    const reading = cache.get('a', read)
    await change(cache)
    resolve('old')
    t.equal(await reading, 'old')
    t.equal(await cache.get('a', async () => 'new'), 'new')
  })

t.test('what is being read is kept where another row changes meanwhile', async t => {
  const cache = new RowCache<string>()
  const { read, resolve } = slowRead()
  const reading = cache.get('a', read)
  await cache.change('b', async () => {})
  resolve('one')
  await reading
  t.equal(await cache.get('a', unread), 'one')
})

t.test('a read that fails leaves nothing behind', async t => {
  const cache = new RowCache<string>()
  await t.rejects(cache.get('a', () => Promise.reject(new Error('disk'))))
  t.equal(await cache.get('a', async () => 'one'), 'one')
})

t.test('a row that is known becomes what the change makes of it, one that is not stays unknown', async t => {
  const cache = new RowCache<string>()
  cache.keep('a', 'one')
  await cache.change(
    'a',
    async () => {},
    row => `${row}, two`,
  )
  cache.update('a', row => `${row}, three`)
  cache.update('b', row => `${row}, three`)
  t.equal(await cache.get('a', unread), 'one, two, three')
  t.equal(await cache.get('b', async () => 'read'), 'read')
})

t.test('a change that fails leaves the row unknown', async t => {
  const cache = new RowCache<string>()
  cache.keep('a', 'one')
  await t.rejects(cache.change('a', () => Promise.reject(new Error('disk'))))
  t.equal(await cache.get('a', async () => 'read'), 'read')
})
