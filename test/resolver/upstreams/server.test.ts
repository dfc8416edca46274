import t from 'tap'
import { createServerTable, Server } from '../../../resolver/upstreams/server.ts'

const AT = { transport: 'udp', address: '192.0.2.1', port: 53 } as const

t.test('RFC 6298 §2: the time-out follows the smoothed round-trip time and its variation', t => {
  const server = new Server(AT)
  t.equal(server.timeout(0), 400, 'before the first answer')
  t.equal(new Server({ ...AT, transport: 'tls' }).timeout(0), 800, 'with a handshake to come')
  for (let i = 0; i < 50; i++) server.answered(20, i)
  t.equal(server.timeout(0), 100, 'never less than 100 ms')
  for (let i = 0; i < 50; i++) server.answered(300, i)
  t.ok(server.timeout(0) >= 340 && server.timeout(0) < 400, `${server.timeout(0)}`)
  for (let i = 0; i < 50; i++) server.answered(5000, i)
  t.equal(server.timeout(0), 1200, 'never more than 1.2 s')
  t.end()
})

t.test('RFC 6298 §5.5: every further attempt waits twice as long', t => {
  const server = new Server(AT)
  t.same(
    [0, 1, 2].map(attempt => server.timeout(attempt)),
    [400, 800, 1200],
  )
  t.end()
})

t.test('two failures in a row make a server down, one answer brings it back', t => {
  const server = new Server(AT)
  t.equal(server.failed(0), false)
  t.equal(server.down, false)
  t.equal(server.failed(0), true, 'told once')
  t.equal(server.failed(0), false)
  t.ok(server.down)
  t.equal(server.answered(10, 1), true, 'told once')
  t.equal(server.answered(10, 1), false)
  t.notOk(server.down)
  t.end()
})

t.test('the back-off doubles up to fifteen seconds', t => {
  const server = new Server(AT)
  server.failed(0)
  for (const wait of [1000, 2000, 4000, 8000, 15_000, 15_000]) {
    server.failed(0)
    t.ok(server.backingOff(wait - 1))
    t.notOk(server.backingOff(wait))
  }
  t.end()
})

t.test('a server that answered others meanwhile has not failed: the name is slow, not the server', t => {
  const server = new Server(AT)
  server.answered(10, 500)
  server.failed(600, 100)
  server.failed(600, 100)
  t.notOk(server.down)
  server.failed(900, 600)
  server.failed(900, 600)
  t.ok(server.down)
  t.end()
})

t.test('shortcomings are believed for a quarter of an hour', t => {
  const server = new Server(AT)
  t.ok(server.speaksEdns(0) && server.keepsCase(0))
  server.refusedEdns(0)
  server.lostCase(0)
  t.notOk(server.speaksEdns(899_999) || server.keepsCase(899_999))
  t.ok(server.speaksEdns(900_000) && server.keepsCase(900_000))
  t.end()
})

t.test('a table knows a server again, and forgets those used longest ago', t => {
  const table = createServerTable(2)
  const first = table.get(AT)
  const second = table.get({ ...AT, port: 54 })
  t.equal(table.get({ ...AT }), first)
  table.get({ ...AT, transport: 'tls' })
  t.equal(table.get(AT), first)
  t.not(table.get({ ...AT, port: 54 }), second)
  t.end()
})
