import { once } from 'node:events'
import fc from 'fast-check'
import t from 'tap'
import { type Client, LATER, type RequestHandler, SILENCE } from '../../../server/listen/client.ts'
import { STREAM_LIMITS, type StreamLimits } from '../../../server/listen/connections.ts'
import { EndOfTurn } from '../../../server/listen/end-of-turn.ts'
import { FrameReader, frame } from '../../../server/listen/framing.ts'
import { listenTcp, type StreamListener } from '../../../server/listen/tcp.ts'
import { createSimulatedClock, type SimulatedClock } from '../../simulation/clock.ts'
import { FrameClient } from '../serving.ts'
import { streamOptions } from './stream-options.ts'

const echo: RequestHandler = (request, at, end, _client, out, outAt) => {
  out.set(request.subarray(at, end), outAt)
  return end - at
}

interface Listening {
  listener: StreamListener
  clock: SimulatedClock
  connect(): FrameClient
}

async function listen(
  t: { teardown(task: () => unknown): void },
  handler: RequestHandler,
  limits: Partial<StreamLimits> = {},
  endOfTurn = new EndOfTurn(),
): Promise<Listening> {
  const clock = createSimulatedClock()
  const options = streamOptions({ handler, endOfTurn, clock, limits: { ...STREAM_LIMITS, ...limits } })
  const listener = await listenTcp({ address: { address: '127.0.0.1', port: 0 } }, options)
  const clients: FrameClient[] = []
  t.teardown(async () => {
    await Promise.all(clients.map(client => client.end()))
    await listener.close(0)
  })
  const open = (): FrameClient => {
    const client = new FrameClient(listener.address)
    clients.push(client)
    return client
  }
  return { listener, clock, connect: open }
}

const text = (message: Uint8Array | undefined): string => Buffer.from(message!).toString()

/** Resolves once what is in the sockets has been worked on. */
async function settled(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise(setImmediate)
}

t.test('framing (RFC 1035 §4.2.2)', async t => {
  t.test('messages come out as they went in, wherever the stream is cut', async () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 20 }),
        fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1, maxLength: 30 }),
        (messages, cuts) => {
          const stream = Buffer.concat(messages.map(message => frame(message)))
          const reader = new FrameReader()
          const out: Buffer[] = []
          for (let at = 0, i = 0; at < stream.length; i++) {
            const chunk = stream.subarray(at, at + cuts[i % cuts.length]!)
            at += chunk.length
            let read = 0
            // Every other time the reader is told to stop after each message.
            while (read < chunk.length)
              read = reader.read(chunk, read, (octets, from, end) => {
                out.push(Buffer.from(octets.subarray(from, end)))
                return i % 2 === 0
              })
          }
          return !reader.partial && Buffer.concat(out.map(message => frame(message))).equals(stream)
        },
      ),
    )
  })
})

t.test('requests and answers (RFC 7766)', async t => {
  t.test('§6.2.1 several requests in one segment are all answered', async t => {
    const { connect } = await listen(t, echo)
    const client = connect()
    client.send(...Array.from({ length: 100 }, (_, i) => Buffer.from(`query ${i}`)))
    const answers = await client.messages(100)
    t.same(
      answers.map(text),
      Array.from({ length: 100 }, (_, i) => `query ${i}`),
    )
  })

  t.test('the answers to what came in one piece leave in one piece', async t => {
    const { connect } = await listen(t, echo)
    const client = connect()
    await once(client.socket, 'connect')
    let pieces = 0
    client.socket.on('data', () => pieces++)
    client.send(...Array.from({ length: 50 }, (_, i) => Buffer.from(`query ${i}`)))
    await client.messages(50)
    t.equal(pieces, 1)
  })

  t.test('§7 an answer that is ready overtakes one that is not', async t => {
    let slow: Client | undefined
    const { connect } = await listen(t, (request, at, end, client, ...rest) => {
      if (text(request.subarray(at, end)) !== 'slow') return echo(request, at, end, client, ...rest)
      slow = client.retain()
      return LATER
    })
    const client = connect()
    client.send(Buffer.from('slow'), Buffer.from('fast'))
    t.equal(text((await client.messages(1))[0]), 'fast')
    slow!.send(Buffer.from('at last'))
    slow!.finish()
    t.equal(text((await client.messages(2))[1]), 'at last')
  })

  t.test('answers that become ready in one turn leave together, when it ends', async t => {
    let slow: Client | undefined
    const ends: (() => void)[] = []
    const endOfTurn = { add: (task: () => void) => ends.push(task) } as unknown as EndOfTurn
    const { connect } = await listen(
      t,
      (_request, _at, _end, client) => {
        slow = client.retain()
        return LATER
      },
      {},
      endOfTurn,
    )
    const client = connect()
    let pieces = 0
    client.socket.on('data', () => pieces++)
    client.send(Buffer.from('one'), Buffer.from('two'))
    while (!slow) await new Promise(setImmediate)
    for (const answer of ['first', 'second']) slow.send(Buffer.from(answer))
    t.equal(ends.length, 1, 'which the thread knows better than the event loop')
    ends[0]!()
    t.same((await client.messages(2)).map(text), ['first', 'second'])
    t.equal(pieces, 1)
    slow.finish()
    slow.finish()
  })

  t.test('the client closes its side: what it asked is answered, then we close', async t => {
    let slow: Client | undefined
    const { connect } = await listen(t, (_request, _at, _end, client) => {
      slow = client.retain()
      return LATER
    })
    const client = connect()
    client.send(Buffer.from('last'))
    client.socket.end()
    await settled(() => slow !== undefined)
    slow!.send(Buffer.from('answer'))
    slow!.finish()
    t.equal(text((await client.messages(1))[0]), 'answer')
    await client.messages(2)
    t.ok(client.closed)
  })

  t.test('silence for one does not hold up the next', async t => {
    const { connect } = await listen(t, (request, at, end, ...rest) =>
      request[at] === 0x78 ? SILENCE : echo(request, at, end, ...rest),
    )
    const client = connect()
    client.send(Buffer.from('x'), Buffer.from('y'))
    t.equal(text((await client.messages(1))[0]), 'y')
  })

  t.test('a message of 65535 octets goes both ways', async t => {
    const { connect } = await listen(t, echo)
    const client = connect()
    client.send(Buffer.alloc(65535, 7))
    t.equal((await client.messages(1))[0]!.length, 65535)
  })

  t.test('the client is described', async t => {
    let seen: Client | undefined
    const { connect, listener } = await listen(t, (request, at, end, client, ...rest) => {
      seen = client
      return echo(request, at, end, client, ...rest)
    })
    const client = connect()
    client.send(Buffer.from('who'))
    await client.messages(1)
    t.match(seen, { transport: 'tcp', port: client.socket.localPort, destinationPort: listener.address.port })
    t.same(seen!.address, Uint8Array.of(127, 0, 0, 1))
    t.same(seen!.destination, Uint8Array.of(127, 0, 0, 1))
  })
})

t.test('limits', async t => {
  t.test(
    'RFC 7766 §6.2.3 a connection that asks nothing for the idle time is closed, one that asks is not',
    async t => {
      const { connect, clock, listener } = await listen(t, echo, { idle: 30_000 })
      const quiet = connect()
      const busy = connect()
      quiet.send(Buffer.from('once'))
      await quiet.messages(1)
      for (let i = 1; i <= 4; i++) {
        await clock.advance(15_000 - (i === 1 ? 1000 : 0))
        busy.send(Buffer.from('again'))
        await busy.messages(i)
        if (i === 1) t.notOk(quiet.closed, 'open for at least 15 seconds')
      }
      await quiet.messages(2)
      t.ok(quiet.closed)
      t.notOk(busy.closed)
      t.equal(listener.counts.timedOut, 1)
    },
  )

  t.test('a client that sends a message octet by octet is idle', async t => {
    const { connect, clock } = await listen(t, echo, { idle: 30_000 })
    const client = connect()
    for (const octet of [0, 200, 1, 1, 1]) {
      client.socket.write(Buffer.from([octet]))
      await clock.advance(10_000)
    }
    await client.messages(1)
    t.ok(client.closed)
  })

  t.test('what is being worked on has its own time', async t => {
    let slow: Client | undefined
    const { connect, clock } = await listen(
      t,
      (_request, _at, _end, client) => {
        slow = client.retain()
        return LATER
      },
      { idle: 30_000 },
    )
    const client = connect()
    client.send(Buffer.from('slow'))
    await settled(() => slow !== undefined)
    await clock.advance(60_000)
    slow!.send(Buffer.from('done'))
    slow!.finish()
    t.equal(text((await client.messages(1))[0]), 'done')
  })

  t.test('a client that does not read is not read from, and closed in the end', async t => {
    let asked = 0
    const big: RequestHandler = (_request, _at, _end, _client, out, outAt) => {
      asked++
      out.fill(1, outAt, outAt + 65000)
      return 65000
    }
    const { connect, clock, listener } = await listen(t, big, { unread: 256 * 1024, idle: 30_000 })
    const client = connect()
    client.socket.pause()
    for (let i = 0; i < 400; i++) client.send(Buffer.from('more'))
    let before = -1
    while (asked !== before) {
      before = asked
      await clock.advance(100)
      for (let i = 0; i < 20; i++) await new Promise(setImmediate)
    }
    t.ok(asked < 400, `${asked} of 400 were read`)
    await clock.advance(60_000)
    t.equal(listener.counts.timedOut, 1)
    client.socket.resume()
    await client.messages(400)
    t.ok(client.closed)
  })

  t.test('no more requests of a connection are worked on than allowed; the rest follow', async t => {
    const held: Client[] = []
    const { connect } = await listen(
      t,
      (_request, _at, _end, client) => {
        held.push(client.retain())
        return LATER
      },
      { inFlight: 3 },
    )
    const client = connect()
    client.send(...Array.from({ length: 10 }, (_, i) => Buffer.from(`${i}`)))
    await settled(() => held.length === 3)
    for (let i = 0; i < 20; i++) await new Promise(setImmediate)
    t.equal(held.length, 3)
    for (let i = 0; i < 10; i++) {
      await settled(() => held.length > i)
      held[i]!.send(Buffer.from('done'))
      held[i]!.finish()
    }
    t.equal((await client.messages(10)).length, 10)
  })

  t.test('RFC 9210 §4.3 one client may not take all connections', async t => {
    const { connect, listener } = await listen(t, echo, { perClient: 2 })
    const first = connect()
    const second = connect()
    await settled(() => listener.counts.open === 2)
    const third = connect()
    await third.messages(1)
    t.ok(third.closed)
    t.equal(listener.counts.refused, 1)
    await first.end()
    await settled(() => listener.counts.open === 1)
    const fourth = connect()
    fourth.send(Buffer.from('welcome'))
    t.equal(text((await fourth.messages(1))[0]), 'welcome')
    t.notOk(second.closed)
  })

  t.test('at the limit in all, the connection that has been idle longest makes room', async t => {
    const { connect, listener } = await listen(t, echo, { connections: 2 })
    const oldest = connect()
    oldest.send(Buffer.from('a'))
    await oldest.messages(1)
    const newer = connect()
    newer.send(Buffer.from('b'))
    await newer.messages(1)
    oldest.send(Buffer.from('again'))
    await oldest.messages(2)
    const newest = connect()
    newest.send(Buffer.from('c'))
    await newest.messages(1)
    await newer.messages(2)
    t.ok(newer.closed, 'the least recently used')
    t.notOk(oldest.closed)
    t.equal(listener.counts.timedOut, 1)
  })

  t.test('where all are busy, a new one is refused', async t => {
    let held: Client | undefined
    const { connect, listener } = await listen(
      t,
      (_request, _at, _end, client) => {
        held = client.retain()
        return LATER
      },
      { connections: 1 },
    )
    connect().send(Buffer.from('busy'))
    await settled(() => held !== undefined)
    const refused = connect()
    await refused.messages(1)
    t.ok(refused.closed)
    t.equal(listener.counts.refused, 1)
    held!.finish()
  })
})

t.test('a thousand idle connections cost nothing but their sockets', async t => {
  const IDLE = 1000
  const { connect, listener, clock } = await listen(t, echo, { perClient: IDLE + 1 })
  for (let i = 0; i < IDLE; i++) connect()
  await settled(() => listener.counts.open === IDLE)
  const busy = connect()
  for (let i = 1; i <= 20; i++) {
    busy.send(Buffer.from(`query ${i}`))
    t.equal(text((await busy.messages(i)).at(-1)), `query ${i}`)
    await clock.advance(STREAM_LIMITS.idle / 20 - 1)
  }
  t.equal(listener.counts.open, IDLE + 1, 'until their time is up')
  await clock.advance(1000)
  await settled(() => listener.counts.open === 1)
  t.equal(listener.counts.timedOut, IDLE)
  t.notOk(busy.closed)
})

t.test('closing lets what is in flight end, and no longer than the grace', async t => {
  let held: Client | undefined
  const { connect, listener, clock } = await listen(t, (_request, _at, _end, client) => {
    held = client.retain()
    return LATER
  })
  const idle = connect()
  await settled(() => listener.counts.open === 1)
  const busy = connect()
  busy.send(Buffer.from('wait'))
  await settled(() => held !== undefined)
  const closed = listener.close(5000)
  await idle.messages(1)
  t.ok(idle.closed, 'idle connections at once')
  held!.send(Buffer.from('finished'))
  held!.finish()
  t.equal(text((await busy.messages(1))[0]), 'finished')
  await clock.until(closed)
  t.equal(listener.counts.open, 0)

  const stuck = await listen(t, () => LATER)
  stuck.connect().send(Buffer.from('never'))
  await settled(() => stuck.listener.counts.open === 1)
  await stuck.clock.until(stuck.listener.close(5000))
  t.equal(stuck.listener.counts.open, 0)
})
