import t from 'tap'
import { type Client, LATER, type RequestHandler, SILENCE } from '../../../../server/listen/client.ts'
import { ErrorCode, FrameFlag, FrameType, PREFACE, readU31 } from '../../../../server/listen/http2/frames.ts'
import {
  dataFrame,
  type Frame,
  fieldsOf,
  frameOf,
  GET,
  GREETING,
  getFrame,
  POST,
  postFrame,
  SETTINGS,
  serveDohConnections,
} from './frames.ts'

/** Answers a message with itself, as an answer of ours looks: ten thousand octets for "large". */
const echo: RequestHandler = (request, at, end, client, out, outAt) => {
  const text = Buffer.from(request.subarray(at, end)).toString()
  if (text.startsWith('silence')) return SILENCE
  if (text.startsWith('count')) return echo(Buffer.from(`${text.length}`), 0, 5, client, out, outAt, 0)
  const answer = Buffer.from(
    text.startsWith('large') ? 'large'.repeat(10_000) : `${'.'.repeat(12)}${text} ${client.dohPath}`,
  )
  // No counts of records: nothing to be kept by.
  out.set(answer, outAt)
  out.fill(0, outAt, outAt + 12)
  return answer.length
}
const text = (body: Buffer) => body.subarray(12).toString()
const say = (words: string) => Buffer.from(words)
const code = ({ payload }: Frame) => readU31(payload, payload.length - 4)
const isGoAway = ({ type }: Frame) => type === FrameType.GOAWAY
const isReset = (id: number) => (frame: Frame) => frame.type === FrameType.RST_STREAM && frame.id === id
const u32 = (value: number) => Buffer.of(value >>> 24, value >>> 16, value >>> 8, value)

t.test('requests and answers', async t => {
  const { connect } = await serveDohConnections(t, echo)

  t.test('GET and POST, one after the other and in any number of pieces', async t => {
    const client = connect()
    const all = Buffer.concat([
      ...[GREETING, getFrame(1, say('one')), postFrame(3), dataFrame(3, say('two'))],
      ...[postFrame(5), dataFrame(5, say('th'), false), dataFrame(5, say('ree'))],
      getFrame(7, say('four'), '/dns-query/special'),
    ])
    for (const octet of all) client.send(Buffer.of(octet))
    t.equal(text(await client.body(1)), 'one /dns-query')
    t.equal(text(await client.body(3)), 'two /dns-query')
    t.equal(text(await client.body(5)), 'three /dns-query')
    t.equal(text(await client.body(7)), 'four /dns-query/special')
  })

  t.test('the answers to what came in one piece leave in one piece', async t => {
    const client = connect()
    let pieces = 0
    client.socket.on('data', () => pieces++)
    client.send(GREETING, ...Array.from({ length: 50 }, (_, i) => getFrame(2 * i + 1, say(`query ${i}`))))
    t.equal(text(await client.body(99)), 'query 49 /dns-query')
    t.equal(pieces, 1)
  })

  t.test('a GET whose end comes apart from its fields, as dig sends it', async t => {
    const client = connect()
    const [head] = [getFrame(1, say('dig'))]
    head[4] = FrameFlag.END_HEADERS
    client.send(GREETING, head, dataFrame(1, new Uint8Array()))
    t.equal(text(await client.body(1)), 'dig /dns-query')
  })

  t.test('RFC 9113 §6.10 fields that take several frames', async t => {
    const client = connect()
    const fields = fieldsOf({ ...GET, ':path': `/dns-query?dns=${say('cut').toString('base64url')}` })
    client.send(GREETING, frameOf(FrameType.HEADERS, FrameFlag.END_STREAM, 1, fields.subarray(0, 20)))
    client.send(frameOf(FrameType.CONTINUATION, 0, 1, fields.subarray(20, 30)))
    client.send(frameOf(FrameType.CONTINUATION, FrameFlag.END_HEADERS, 1, fields.subarray(30)))
    t.equal(text(await client.body(1)), 'cut /dns-query')
  })

  t.test('§6.1 §6.2 padding and priority are put aside', async t => {
    const client = connect()
    const fields = fieldsOf(POST)
    const flags = FrameFlag.END_HEADERS | FrameFlag.PADDED | FrameFlag.PRIORITY
    client.send(
      GREETING,
      frameOf(FrameType.HEADERS, flags, 1, Buffer.concat([Buffer.of(3, 0, 0, 0, 0, 0), fields, Buffer.alloc(3)])),
      frameOf(
        FrameType.DATA,
        FrameFlag.PADDED | FrameFlag.END_STREAM,
        1,
        Buffer.concat([Buffer.of(4), say('pad'), Buffer.alloc(4)]),
      ),
    )
    t.equal(text(await client.body(1)), 'pad /dns-query')
  })

  t.test('§8.1 trailers end a body', async t => {
    const client = connect()
    client.send(GREETING, postFrame(1), dataFrame(1, say('trailed'), false))
    client.send(frameOf(FrameType.HEADERS, FrameFlag.END_HEADERS | FrameFlag.END_STREAM, 1, fieldsOf({ 'x-sum': '1' })))
    t.equal(text(await client.body(1)), 'trailed /dns-query')
  })

  t.test('§6.7 a PING comes back, an answer to one does not', async t => {
    const client = connect()
    client.send(
      GREETING,
      frameOf(FrameType.PING, FrameFlag.ACK, 0, say('answered')),
      frameOf(FrameType.PING, 0, 0, say('question')),
    )
    const frames = await client.until(({ type }) => type === FrameType.PING)
    t.same(
      frames.filter(({ type }) => type === FrameType.PING).map(({ flags, payload }) => [flags, String(payload)]),
      [[FrameFlag.ACK, 'question']],
    )
  })

  t.test('§5.5 frames of types that we don’t know are ignored', async t => {
    const client = connect()
    client.send(GREETING, frameOf(0xfa, 0xff, 1, say('grease')), getFrame(1, say('on')))
    t.equal(text(await client.body(1)), 'on /dns-query')
  })
})

t.test('flow control (RFC 9113 §5.2)', async t => {
  const { connect } = await serveDohConnections(t, echo)

  t.test('§6.9.2 a stream gets what its window has room for, and more as that grows', async t => {
    const client = connect()
    const small = frameOf(FrameType.SETTINGS, 0, 0, Buffer.concat([Buffer.of(0, 4), u32(100)]))
    client.send(PREFACE, small, getFrame(1, say('large')))
    const isData = ({ type }: Frame) => type === FrameType.DATA
    t.equal((await client.until(isData)).find(isData)!.payload.length, 100)
    client.send(frameOf(FrameType.WINDOW_UPDATE, 0, 1, u32(50)))
    await client.until(({ type, payload }) => type === FrameType.DATA && payload.length === 50)
    client.send(frameOf(FrameType.SETTINGS, 0, 0, Buffer.concat([Buffer.of(0, 4), u32(65_535)])))
    t.equal((await client.body(1)).length, 50_000)
  })

  t.test('§6.9.1 all streams share the window of the connection', async t => {
    const client = connect()
    const wide = frameOf(FrameType.SETTINGS, 0, 0, Buffer.concat([Buffer.of(0, 4), u32(0x7fffffff)]))
    client.send(PREFACE, wide, getFrame(1, say('large')), getFrame(3, say('large')))
    t.equal((await client.body(1)).length, 50_000)
    client.send(frameOf(FrameType.PING, 0, 0, say('anything')))
    const before = (await client.until(({ type }) => type === FrameType.PING)).filter(({ id }) => id === 3)
    t.equal(
      before.filter(({ type }) => type === FrameType.DATA).reduce((sum, { payload }) => sum + payload.length, 0),
      15_535,
    )
    client.send(frameOf(FrameType.WINDOW_UPDATE, 0, 0, u32(100_000)))
    t.equal((await client.body(3)).length, 50_000)
  })

  t.test('a client that asks on while it has no room is refused, and one that resets frees its place', async t => {
    const client = connect()
    client.send(PREFACE, frameOf(FrameType.SETTINGS, 0, 0, Buffer.concat([Buffer.of(0, 4), u32(0)])))
    for (let id = 1; id <= 7; id += 2) client.send(getFrame(id, say('large')))
    for (let id = 9; id <= 15; id += 2) client.send(getFrame(id, say('large')))
    const [refused] = (await client.until(isReset(13))).filter(isReset(13))
    t.equal(code(refused!), ErrorCode.REFUSED_STREAM, 'more than 256 KiB wait')
    client.send(frameOf(FrameType.RST_STREAM, 0, 1, u32(ErrorCode.CANCEL)), getFrame(17, say('large')))
    client.send(
      frameOf(FrameType.WINDOW_UPDATE, 0, 17, u32(50_000)),
      frameOf(FrameType.WINDOW_UPDATE, 0, 0, u32(50_000)),
    )
    t.equal((await client.body(17)).length, 50_000)
  })

  t.test('§6.9 bodies beyond the window of the connection end it', async t => {
    const client = connect()
    const piece = Buffer.alloc(16_384)
    client.send(GREETING)
    for (let id = 1; id <= 9; id += 2)
      client.send(postFrame(id), ...Array.from({ length: 3 }, () => dataFrame(id, piece, false)))
    client.send(postFrame(11), ...Array.from({ length: 3 }, () => dataFrame(11, piece, false)))
    const frames = await client.until(isGoAway)
    t.equal(code(frames.find(isGoAway)!), ErrorCode.FLOW_CONTROL_ERROR)
  })

  t.test('bodies that are whole give their room back', async t => {
    const client = connect()
    const body = Buffer.concat([say('count'), Buffer.alloc(16_000)])
    client.send(GREETING)
    for (let id = 1; id < 81; id += 2) client.send(postFrame(id), dataFrame(id, body))
    t.equal(text(await client.body(79)), '16005 /dns-query')
    t.notOk(client.closed)
  })
})

t.test('what breaks the rules of a stream ends the stream', async t => {
  const { connect } = await serveDohConnections(t, echo)
  const cases: [string, Buffer[], ErrorCode][] = [
    ['§8.3.1 a request without a path', [frameOf(1, 5, 1, fieldsOf(GET))], ErrorCode.PROTOCOL_ERROR],
    ['§8.3.1 two methods', [getFrame(1, say('x'), '/dns-query', { ':method ': 'GET' })], ErrorCode.PROTOCOL_ERROR],
    [
      '§8.2.2 a field of the connection',
      [getFrame(1, say('x'), '/dns-query', { connection: 'close' })],
      ErrorCode.PROTOCOL_ERROR,
    ],
    ['§8.2.1 a name in upper case', [getFrame(1, say('x'), '/dns-query', { Accept: 'a' })], ErrorCode.PROTOCOL_ERROR],
    [
      '§8.2.2 TE other than "trailers"',
      [getFrame(1, say('x'), '/dns-query', { te: 'gzip' })],
      ErrorCode.PROTOCOL_ERROR,
    ],
    [
      '§8.1.1 less than content-length says',
      [postFrame(1, { 'content-length': '9' }), dataFrame(1, say('x'))],
      ErrorCode.PROTOCOL_ERROR,
    ],
    ['§8.1.1 a content-length that is no number', [postFrame(1, { 'content-length': 'x' })], ErrorCode.PROTOCOL_ERROR],
    ['§6.9 a window that grows by nothing', [postFrame(1), frameOf(8, 0, 1, u32(0))], ErrorCode.PROTOCOL_ERROR],
    [
      '§6.9.1 a window that is too large',
      [postFrame(1), frameOf(8, 0, 1, u32(0x7fffffff))],
      ErrorCode.FLOW_CONTROL_ERROR,
    ],
    ['§5.1 DATA after the end', [getFrame(1, say('x')), dataFrame(1, say('y'))], ErrorCode.STREAM_CLOSED],
    [
      '§6.3 PRIORITY of an odd size',
      [getFrame(1, say('x')), frameOf(2, 0, 1, say('four'))],
      ErrorCode.FRAME_SIZE_ERROR,
    ],
  ]
  for (const [name, frames, expected] of cases)
    t.test(name, async t => {
      const client = connect()
      client.send(GREETING, ...frames, getFrame(3, say('and on')))
      t.equal(text(await client.body(3)), 'and on /dns-query', 'the connection goes on')
      const all = await client.until(isReset(1))
      t.equal(code(all.find(isReset(1))!), expected)
    })
})

t.test('what breaks the rules of the connection ends it, with a GOAWAY that says why', async t => {
  const { connect } = await serveDohConnections(t, echo)
  const cases: [string, Buffer[], ErrorCode][] = [
    ['§3.4 something else than SETTINGS first', [PREFACE, getFrame(1, say('x'))], ErrorCode.PROTOCOL_ERROR],
    ['§3.4 another preface', [say('GET / HTTP/1.1\r\nhost: a\r\n\r\n')], ErrorCode.PROTOCOL_ERROR],
    ['§4.2 a frame that is too long', [GREETING, frameOf(0, 0, 1, Buffer.alloc(16_385))], ErrorCode.FRAME_SIZE_ERROR],
    ['§4.3 fields that break HPACK', [GREETING, frameOf(1, 5, 1, Buffer.of(0x80))], ErrorCode.COMPRESSION_ERROR],
    ['§5.1.1 an even stream', [GREETING, getFrame(2, say('x'))], ErrorCode.PROTOCOL_ERROR],
    ['§5.1 a stream that ended', [GREETING, getFrame(3, say('x')), getFrame(1, say('x'))], ErrorCode.STREAM_CLOSED],
    ['§5.1 DATA of a stream that never began', [GREETING, dataFrame(1, say('x'))], ErrorCode.PROTOCOL_ERROR],
    ['§6.1 DATA of the connection', [GREETING, dataFrame(0, say('x'))], ErrorCode.PROTOCOL_ERROR],
    [
      '§6.1 more padding than there is',
      [GREETING, postFrame(1), frameOf(0, 8, 1, Buffer.of(9, 1))],
      ErrorCode.PROTOCOL_ERROR,
    ],
    ['§6.4 RST_STREAM of a stream that never began', [GREETING, frameOf(3, 0, 1, u32(8))], ErrorCode.PROTOCOL_ERROR],
    [
      '§6.4 RST_STREAM of an odd size',
      [GREETING, postFrame(1), frameOf(3, 0, 1, say('x'))],
      ErrorCode.FRAME_SIZE_ERROR,
    ],
    ['§6.5 SETTINGS of a stream', [GREETING, frameOf(4, 0, 1)], ErrorCode.PROTOCOL_ERROR],
    ['§6.5 SETTINGS of an odd size', [GREETING, frameOf(4, 0, 0, say('x'))], ErrorCode.FRAME_SIZE_ERROR],
    [
      '§6.5 an acknowledgement that says something',
      [GREETING, frameOf(4, 1, 0, Buffer.alloc(6))],
      ErrorCode.FRAME_SIZE_ERROR,
    ],
    [
      '§6.5.2 a window that is too large',
      [GREETING, frameOf(4, 0, 0, Buffer.of(0, 4, 255, 0, 0, 0))],
      ErrorCode.FLOW_CONTROL_ERROR,
    ],
    [
      '§6.5.2 a frame size that is too small',
      [GREETING, frameOf(4, 0, 0, Buffer.of(0, 5, 0, 0, 0, 1))],
      ErrorCode.PROTOCOL_ERROR,
    ],
    ['§6.5.2 ENABLE_PUSH of 2', [GREETING, frameOf(4, 0, 0, Buffer.of(0, 2, 0, 0, 0, 2))], ErrorCode.PROTOCOL_ERROR],
    ['§6.6 PUSH_PROMISE of a client', [GREETING, frameOf(5, 4, 1, u32(2))], ErrorCode.PROTOCOL_ERROR],
    ['§6.7 PING of an odd size', [GREETING, frameOf(6, 0, 0, say('seven..'))], ErrorCode.FRAME_SIZE_ERROR],
    ['§6.7 PING of a stream', [GREETING, frameOf(6, 0, 1, say('eight...'))], ErrorCode.PROTOCOL_ERROR],
    ['§6.9 a window that grows by nothing', [GREETING, frameOf(8, 0, 0, u32(0))], ErrorCode.PROTOCOL_ERROR],
    ['§6.9 WINDOW_UPDATE of an odd size', [GREETING, frameOf(8, 0, 0, say('x'))], ErrorCode.FRAME_SIZE_ERROR],
    [
      '§6.9.1 a window that grows too large',
      [GREETING, frameOf(8, 0, 0, u32(0x7fffffff))],
      ErrorCode.FLOW_CONTROL_ERROR,
    ],
    ['§6.10 fields that are interrupted', [GREETING, frameOf(1, 1, 1, say('')), SETTINGS], ErrorCode.PROTOCOL_ERROR],
    ['§6.10 CONTINUATION of nothing', [GREETING, frameOf(9, 4, 1)], ErrorCode.PROTOCOL_ERROR],
    [
      'CONTINUATION without end',
      [GREETING, frameOf(1, 1, 1), ...Array.from({ length: 20_000 }, () => frameOf(9, 0, 1))],
      ErrorCode.ENHANCE_YOUR_CALM,
    ],
  ]
  for (const [name, frames, expected] of cases)
    t.test(name, async t => {
      const client = connect()
      client.send(...frames)
      const all = await client.until(isGoAway)
      t.equal(code(all.find(isGoAway)!), expected)
      while (!client.closed) await new Promise(setImmediate)
    })
})

t.test('requests that are worked on', async t => {
  const waiting: { client: Client; text: string }[] = []
  const slow: RequestHandler = (request, at, end, client, ...rest) => {
    const text = Buffer.from(request.subarray(at, end)).toString()
    if (!text.startsWith('slow')) return echo(request, at, end, client, ...rest)
    waiting.push({ client: client.retain(), text })
    return LATER
  }
  const answered = (text: string) => Buffer.concat([Buffer.alloc(12), say(text)])
  const { connect, connections } = await serveDohConnections(t, slow)
  const asked = async (count: number) => {
    while (waiting.length < count) await new Promise(setImmediate)
    return waiting.splice(0)
  }

  t.test('are overtaken by others', async t => {
    const client = connect()
    client.send(GREETING, getFrame(1, say('slow')), getFrame(3, say('fast')))
    t.equal(text(await client.body(3)), 'fast /dns-query')
    const [late] = await asked(1)
    t.equal(late!.client.dohPath, '/dns-query')
    late!.client.send(answered('at last'))
    late!.client.finish()
    t.equal(text(await client.body(1)), 'at last')
  })

  t.test('get 503 where nothing comes of them', async t => {
    const client = connect()
    client.send(GREETING, getFrame(1, say('slow')))
    for (const { client } of await asked(1)) client.finish()
    t.match(String(await client.body(1)), '"status":503')
  })

  t.test('are a hundred at most, wanted still or not', async t => {
    const client = connect()
    client.send(GREETING)
    for (let i = 0; i < 100; i++) client.send(getFrame(2 * i + 1, say('slow')))
    for (let i = 0; i < 100; i++) client.send(frameOf(FrameType.RST_STREAM, 0, 2 * i + 1, u32(ErrorCode.CANCEL)))
    client.send(getFrame(201, say('one more')))
    const frames = await client.until(isReset(201))
    t.equal(code(frames.find(isReset(201))!), ErrorCode.REFUSED_STREAM)
    const all = await asked(100)
    t.equal(all.length, 100)
    t.ok(
      all.every(({ client }) => client.closed),
      'nobody needs to send their answers',
    )
    for (const { client } of all) {
      client.send(answered('nobody reads that'))
      client.finish()
    }
    await new Promise(setImmediate)
    client.send(getFrame(203, say('again')))
    t.equal(text(await client.body(203)), 'again /dns-query')
  })

  t.test('are answered when all comes to an end, and the client is told that no more is', async t => {
    const client = connect()
    client.send(GREETING, getFrame(1, say('slow')))
    const [late] = await asked(1)
    const drained = connections.drain(60_000)
    const [goAway] = (await client.until(isGoAway)).filter(isGoAway)
    t.equal(readU31(goAway!.payload, 0), 1)
    late!.client.send(answered('goodbye'))
    late!.client.finish()
    t.equal(text(await client.body(1)), 'goodbye')
    await drained
  })
})

t.test('what the client does slowly', async t => {
  t.test('a request that is not whole within ten seconds ends the connection, whatever else it sends', async t => {
    const { connect, clock, connections } = await serveDohConnections(t, echo)
    const [frame, fields, body] = [connect(), connect(), connect()]
    frame.send(GREETING, getFrame(1, say('x')).subarray(0, 30))
    fields.send(GREETING, frameOf(FrameType.HEADERS, 0, 1, fieldsOf(GET)))
    body.send(GREETING, postFrame(1), dataFrame(1, say('half'), false))
    await Promise.all([frame, fields, body].map(client => client.until(({ type }) => type === FrameType.SETTINGS)))
    for (let second = 0; second < 9; second++) {
      frame.send(Buffer.of(0x61))
      body.send(frameOf(FrameType.PING, 0, 0, say(`tick ...`)))
      await clock.advance(1000)
    }
    t.equal(connections.counts.open, 3)
    await clock.advance(2000)
    while (!(frame.closed && fields.closed && body.closed)) await new Promise(setImmediate)
    t.equal(connections.counts.timedOut, 3)
  })

  t.test('one that asks nothing stays for as long as it may idle', async t => {
    const { connect, clock, connections } = await serveDohConnections(t, echo, { idle: 20_000 })
    const client = connect()
    client.send(GREETING, getFrame(1, say('x')))
    await client.body(1)
    await clock.advance(19_000)
    t.equal(connections.counts.open, 1)
    await clock.advance(2000)
    while (!client.closed) await new Promise(setImmediate)
    t.equal(connections.counts.timedOut, 1)
  })

  t.test('one that makes no room for its answer is cut off', async t => {
    const { connect, clock, connections } = await serveDohConnections(t, echo)
    const client = connect()
    client.send(
      PREFACE,
      frameOf(FrameType.SETTINGS, 0, 0, Buffer.concat([Buffer.of(0, 4), u32(0)])),
      getFrame(1, say('large')),
    )
    await client.until(({ type, id }) => type === FrameType.HEADERS && id === 1)
    await clock.advance(12_000)
    while (!client.closed) await new Promise(setImmediate)
    t.equal(connections.counts.timedOut, 1)
  })

  t.test('one that does not read is not read either, and cut off', async t => {
    const { connect, clock, connections } = await serveDohConnections(t, echo, { unread: 64 * 1024 })
    const client = connect()
    client.socket.pause()
    const wide = frameOf(FrameType.SETTINGS, 0, 0, Buffer.concat([Buffer.of(0, 4), u32(0x7fffffff)]))
    client.send(PREFACE, wide, frameOf(FrameType.WINDOW_UPDATE, 0, 0, u32(0x7fff0000)))
    const body = Buffer.concat([say('large'), Buffer.alloc(16_000)])
    let taken = true
    for (let id = 1; taken && id < 20_000; id += 2) {
      taken = client.socket.write(Buffer.concat([postFrame(id), dataFrame(id, body)]))
      if (!taken)
        taken = await Promise.race([
          new Promise<boolean>(resolve => client.socket.once('drain', () => resolve(true))),
          idle(),
        ])
    }
    t.notOk(taken, 'what it sends piles up on its side')
    await clock.advance(70_000)
    while (!client.closed) {
      client.socket.resume()
      await new Promise(setImmediate)
    }
    t.equal(connections.counts.timedOut, 1)
  })
})

/** False once nothing has moved for many turns. */
async function idle(): Promise<boolean> {
  for (let turn = 0; turn < 2000; turn++) await new Promise(setImmediate)
  return false
}
