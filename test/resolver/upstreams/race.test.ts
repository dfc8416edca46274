import t from 'tap'
import { Attempts } from '../../../resolver/upstreams/race.ts'
import { Server } from '../../../resolver/upstreams/server.ts'

const serverAt = (address: string) => new Server({ transport: 'udp', address, port: 53 })

function drain(attempts: Attempts): string[] {
  const made: string[] = []
  for (let next = attempts.next(); next; next = attempts.next()) made.push(`${next.server.at.address} ${next.round}`)
  return made
}

t.test('RFC 9520 §3.1: no server is asked more than three times, and all no more than nine', async t => {
  t.same(drain(new Attempts([serverAt('a')])), ['a 0', 'a 1', 'a 2'])
  t.same(drain(new Attempts(['a', 'b'].map(serverAt))), ['a 0', 'b 0', 'a 1', 'b 1', 'a 2', 'b 2'])
  t.equal(drain(new Attempts(['a', 'b', 'c', 'd'].map(serverAt))).length, 9)
  t.same(drain(new Attempts([])), [])
})

t.test('servers that are down come last, those that are spent not at all', async t => {
  const servers = ['a', 'b', 'c'].map(serverAt)
  for (let i = 0; i < 2; i++) servers[0]!.failed(0)
  const attempts = new Attempts(servers)
  t.equal(attempts.next()?.server, servers[1])
  attempts.spend(servers[1]!)
  t.same(drain(attempts), ['c 0', 'a 0', 'c 1', 'a 1', 'c 2', 'a 2'])
})
