import t from 'tap'
import { OptionCode, Rcode } from '../../dns/codes.ts'
import { frame } from '../../dns/frames.ts'
import { parseMessage } from '../../dns/message.ts'
import { printName } from '../../dns/name.ts'
import type { ServerStream } from '../simulation/network.ts'
import { createWorld, respond, serve, type World } from './world.ts'

const DOT = '192.0.2.53:853'

/** Answers every query of a stream with an address. */
function answering(stream: ServerStream): void {
  stream.onData(bytes => {
    for (let at = 0; at < bytes.length; ) {
      const end = at + 2 + ((bytes[at]! << 8) | bytes[at + 1]!)
      const query = parseMessage(bytes.slice(at + 2, end))
      stream.write(frame(respond(query, { answer: [`${printName(query.question[0]!.name)} 60 A 192.0.2.1`] })))
      at = end
    }
  })
}

/** Counts the connections made to the DoT upstream, each served by `accept`. */
function connections(
  world: World,
  accept: (stream: ServerStream, nth: number) => void,
): { count: number; streams: ServerStream[] } {
  const seen = { count: 0, streams: [] as ServerStream[] }
  world.network.serveStreams(DOT, stream => {
    seen.streams.push(stream)
    accept(stream, ++seen.count)
  })
  return seen
}

t.test('DNS over TLS', async t => {
  t.test('asks for the configured name, or for the address where there is none (RFC 8310 §5)', async t => {
    for (const [upstream, servername] of [
      ['tls://192.0.2.53#dns.example', 'dns.example'],
      ['tls://192.0.2.53', undefined],
    ] as const) {
      const world = createWorld({ '.': upstream })
      const seen = connections(world, answering)
      t.match(await world.ask('www.example.com.'), { rcode: Rcode.NOERROR })
      t.equal(seen.streams[0]!.options.tls?.servername, servername)
      t.not(seen.streams[0]!.options.tls?.rejectUnauthorized, false)
    }
  })

  t.test('RFC 7858 §3.4: one connection serves many questions, at once and after one another', async t => {
    const world = createWorld({ '.': 'tls://192.0.2.53#dns.example' })
    const seen = connections(world, answering)
    const asked = Array.from({ length: 20 }, (_, i) => world.begin(`n${i}.example.com.`))
    for (const told of await world.clock.until(Promise.all(asked))) t.equal(told.rcode, Rcode.NOERROR)
    t.match(await world.ask('later.example.com.'), { rcode: Rcode.NOERROR, took: 10 })
    t.equal(seen.count, 1)
  })

  t.test('RFC 7766 §7: answers may come in any order', async t => {
    const world = createWorld({ '.': 'tls://192.0.2.53#dns.example' })
    serve(world, DOT, () => undefined)
    world.network.serve(DOT, (bytes, _via, reply) => {
      const query = parseMessage(bytes)
      const name = printName(query.question[0]!.name)
      reply(respond(query, { answer: [`${name} 60 A 192.0.2.1`] }), name.startsWith('slow') ? 200 : 0)
    })
    const slow = world.begin('slow.example.com.')
    const fast = world.begin('fast.example.com.')
    t.match(await world.clock.until(fast), { answer: ['fast.example.com. 60 IN A 192.0.2.1'], took: 20 })
    t.match(await world.clock.until(slow), { answer: ['slow.example.com. 60 IN A 192.0.2.1'], took: 220 })
  })

  t.test('RFC 8467 §4.1: queries are padded to a multiple of 128 octets', async t => {
    const world = createWorld({ '.': 'tls://192.0.2.53#dns.example' })
    serve(world, DOT, query => ({ answer: [`${printName(query.question[0]!.name)} 60 A 192.0.2.1`] }))
    for (let i = 1; i < 60; i += 7) await world.ask(`${'x'.repeat(i)}.example.com.`)
    for (const { message } of world.network.seen) {
      t.equal(message.length % 128, 0)
      t.equal(parseMessage(message).edns!.options[0]!.code, OptionCode.PADDING)
    }
  })

  t.test('RFC 7766 §6.2.3: an idle connection is closed, and a new one made when needed', async t => {
    const world = createWorld({ '.': 'tls://192.0.2.53#dns.example' })
    const seen = connections(world, answering)
    await world.ask('a.example.com.')
    await world.clock.advance(11_000)
    t.equal(world.network.open(), 0)
    t.match(await world.ask('b.example.com.'), { rcode: Rcode.NOERROR })
    t.equal(seen.count, 2)
  })

  t.test('RFC 7766 §6.2.4: what a closing server left unanswered is asked on a fresh connection', async t => {
    const world = createWorld({ '.': 'tls://192.0.2.53#dns.example' })
    const seen = connections(world, (stream, nth) => {
      let answered = 0
      if (nth > 1) return answering(stream)
      stream.onData(bytes => {
        const query = parseMessage(bytes.slice(2))
        if (answered++ === 0) stream.write(frame(respond(query, { answer: ['a.example.com. 60 A 192.0.2.1'] })))
        else stream.close()
      })
    })
    await world.ask('a.example.com.')
    t.match(await world.ask('b.example.com.'), { answer: ['b.example.com. 60 IN A 192.0.2.1'] })
    t.equal(seen.count, 2)
  })

  t.test('a connection that went dead without a word is replaced while questions wait', async t => {
    const world = createWorld({ '.': 'tls://192.0.2.53#dns.example' })
    const seen = connections(world, (stream, nth) => {
      let answered = 0
      if (nth > 1) return answering(stream)
      stream.onData(bytes => {
        const query = parseMessage(bytes.slice(2))
        if (answered++ === 0) stream.write(frame(respond(query, { answer: ['a.example.com. 60 A 192.0.2.1'] })))
      })
    })
    await world.ask('a.example.com.')
    const told = await world.ask('b.example.com.')
    t.match(told, { answer: ['b.example.com. 60 IN A 192.0.2.1'] })
    t.ok(told.took < 1800, `${told.took} ms`)
    t.equal(seen.count, 2)
  })

  t.test('never falls back to plain DNS at the same address', async t => {
    const world = createWorld({ '.': 'tls://192.0.2.53#dns.example' })
    world.network.condition(DOT, 'refusing')
    serve(world, '192.0.2.53:53', () => ({ answer: ['www.example.com. 60 A 192.0.2.1'] }))
    t.match(await world.ask('www.example.com.'), { rcode: Rcode.SERVFAIL })
    t.equal(world.network.seen.length, 0)
  })
})
