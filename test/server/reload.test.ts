import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { loadConfig } from '../../config/load.ts'
import type { Config } from '../../config/schema.ts'
import { Class, Opcode, Rcode } from '../../dns/codes.ts'
import { type Message, parseMessage, writeMessage } from '../../dns/message.ts'
import { parseName } from '../../dns/name.ts'
import { signRequest } from '../../dns/tsig.ts'
import { tsigKey } from '../../dns/tsig-record.ts'
import { printRdata, Type } from '../../dns/types.ts'
import { silentLog } from '../../host/log.ts'
import { systemWorld } from '../../host/world.ts'
import { startDaemon } from '../../server/daemon.ts'
import { compareConfigs } from '../../server/reload.ts'
import { ZoneLoadError } from '../../zones/file/load-error.ts'
import { put, scratch } from '../cli/session.ts'

const SECRET = Buffer.alloc(32, 'k')
const KEY = tsigKey(parseName('k.'), 'hmac-sha256', [SECRET])
const KEYS = `keys: [{ name: k, algorithm: hmac-sha256, secret: "${SECRET.toString('base64')}" }]`
const UPDATE = 'update: [{ key: k, names: ["**"] }]'
const DYNAMIC = `{ name: d.example, dynamic: true, ${UPDATE} }`
const STATIC = (letter: string) => `{ name: ${letter}.example, file: ${letter}.zone }`

const config = (zones: string[], more = '') => `
name: ns.test
data_dir: data
workers: 2
listen: { dns: ["127.0.0.1:0"] }
${KEYS}
views:
  - { name: v, zones: [${zones.join(', ')}] }
${more}
`

const zone = (serial: number, ...rest: string[]) =>
  ['$TTL 60', `@ SOA ns1 h ${serial} 1 1 1 1`, '@ NS ns1', 'ns1 A 192.0.2.1', ...rest, ''].join('\n')

/** A daemon whose files can be changed under it. */
async function start(t: Test, zones: string[], files: Record<string, string>) {
  const cwd = scratch(t, { 'namestead.yaml': config(zones), ...files })
  const configFile = join(cwd, 'namestead.yaml')
  const read = (text: string): Config => {
    put(cwd, 'namestead.yaml', text)
    const { config, errors } = loadConfig(configFile)
    if (!config) throw new Error(errors.map(({ message }) => message).join())
    return config
  }
  const owner = { configFile, reload: async () => ({}), stop() {}, fail() {} }
  const daemon = await startDaemon(read(config(zones)), owner, systemWorld, silentLog)
  t.teardown(() => daemon.stop())
  const client = await connect(t, Number(daemon.status().listen.dns![0]!.split(':')[1]))
  return {
    daemon,
    client,
    put: (name: string, text: string) => put(cwd, name, text),
    reload: (text: string) => daemon.reload(read(text)),
  }
}

/** How long a reply may take before it counts as lost. */
const PATIENCE = 20_000

async function connect(t: Test, port: number) {
  const socket = createSocket('udp4')
  socket.connect(port, '127.0.0.1')
  await once(socket, 'connect')
  t.teardown(() => socket.close())
  const waiting = new Map<number, (reply: Message) => void>()
  let lastId = 0
  socket.on('message', wire => waiting.get(wire.readUInt16BE())?.(parseMessage(wire)))
  const exchange = (make: (id: number) => Uint8Array): Promise<Message> => {
    const id = (lastId = (lastId + 1) & 0xffff)
    const reply = new Promise<Message>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('a reply was lost')), PATIENCE)
      waiting.set(id, message => {
        clearTimeout(timer)
        waiting.delete(id)
        resolve(message)
      })
    })
    socket.send(make(id))
    return reply
  }
  const blank = (id: number, opcode: number): Message => ({
    ...{ id, opcode, flags: 0, rcode: 0, question: [], answer: [], authority: [], additional: [] },
  })
  return {
    ask: (name: string, type: number = Type.A) =>
      exchange(id =>
        writeMessage({ ...blank(id, Opcode.QUERY), question: [{ name: parseName(name), type, class: Class.IN }] }),
      ),
    /** Adds an address to the dynamic zone; the RCODE. */
    async add(owner: string): Promise<number> {
      const record = {
        owner: parseName(owner),
        type: Type.A,
        class: Class.IN,
        ttl: 60,
        rdata: Uint8Array.of(192, 0, 2, 9),
      }
      const question = [{ name: parseName('d.example.'), type: Type.SOA, class: Class.IN }]
      const seconds = Math.floor(Date.now() / 1000)
      const sign = (id: number) =>
        signRequest(writeMessage({ ...blank(id, Opcode.UPDATE), question, authority: [record] }), KEY, seconds).wire
      return (await exchange(sign)).rcode
    },
  }
}

const dataOf = ({ answer }: Message) => answer.map(({ type, rdata }) => printRdata(type, rdata))

/** Does something over and over until it is told to stop; how often it was done. */
function endlessly(act: () => Promise<unknown>): { stop: () => Promise<number> } {
  let stopped = false
  let times = 0
  const done = (async () => {
    for (; !stopped; times++) await act()
    return times
  })()
  return {
    stop: () => {
      stopped = true
      return done
    },
  }
}

t.test('fifty reloads, of zones, views, keys and policies, lose no query and answer none wrongly', async t => {
  const alias = (i: number) => zone(i, `alias CNAME v${i}.c.example.`)
  const target = (i: number) => zone(i, `v${i} A 192.0.2.${i}`)
  const { client, put, reload } = await start(t, [STATIC('a'), STATIC('c'), DYNAMIC], {
    'a.zone': alias(1),
    'c.zone': target(1),
    'b.zone': zone(1, 'www A 192.0.2.77'),
  })
  let [oldest, newest] = [1, 1]
  const wrong: unknown[] = []
  const asking = Array.from({ length: 4 }, () =>
    endlessly(async () => {
      const from = oldest
      const { rcode, answer } = await client.ask('alias.a.example.')
      const numbers = answer.map(({ type, rdata }) =>
        Number(/(\d+)(\.c\.example\.)?$/.exec(printRdata(type, rdata))![1]),
      )
      // The CNAME is in one zone, the address in the other: both are of the same reload, or it would lead nowhere.
      const right = rcode === Rcode.NOERROR && numbers.length === 2 && numbers[0] === numbers[1]
      if (!right || numbers[0]! < from || numbers[0]! > newest) wrong.push({ rcode, numbers, from, newest })
    }),
  )
  const added: string[] = []
  const updating = endlessly(async () => {
    const owner = `u${added.length}.d.example.`
    const rcode = await client.add(owner)
    if (rcode === Rcode.NOERROR) added.push(owner)
    else wrong.push({ owner, rcode })
  })
  for (let i = 2; i <= 51; i++) {
    put('a.zone', alias(i))
    put('c.zone', target(i))
    newest = i
    const zones = [STATIC('a'), STATIC('c'), DYNAMIC, ...(i % 2 ? [STATIC('b')] : [])]
    const views = i % 3 ? '' : '  - { name: w, match: { clients: ["192.0.2.0/24"] }, zones: [] }'
    await reload(config(i % 5 ? zones : zones.reverse(), views))
    oldest = i
    const { rcode } = await client.ask('www.b.example.')
    t.equal(rcode, i % 2 ? Rcode.NOERROR : Rcode.REFUSED, `reload ${i}`)
  }
  const asked = await Promise.all(asking.map(({ stop }) => stop()))
  await updating.stop()
  t.strictSame(wrong, [])
  // How many there were depends on how busy the machine is.
  t.ok(Math.min(...asked) > 0, `${asked.join(' + ')} queries`)
  t.ok(added.length > 0, `${added.length} updates`)
  for (const owner of added) if (dataOf(await client.ask(owner)).length !== 1) t.fail(`${owner} is lost`)
})

t.test('a zone that is broken leaves everything as it was, and says where', async t => {
  const { client, put, reload } = await start(t, [STATIC('a'), DYNAMIC], { 'a.zone': zone(1, 'www A 192.0.2.1') })
  put('a.zone', zone(2, 'www A 192.0.2.2'))
  put('b.zone', zone(1, 'www A 192.0.2.256'))
  put('n.zone', zone(1, 'www A 192.0.2.5'))
  const next = [STATIC('a'), STATIC('b'), `{ name: n.example, file: n.zone, dynamic: true }`]
  const error = await reload(config(next)).catch(error => error)
  t.ok(error instanceof ZoneLoadError)
  t.match(error.errors[0], { line: 5, column: 7 })
  t.match(error.errors[0].file, /b\.zone$/)
  t.strictSame(dataOf(await client.ask('www.a.example.')), ['192.0.2.1'])
  t.equal((await client.ask('www.n.example.')).rcode, Rcode.REFUSED)
  t.equal(await client.add('still.d.example.'), Rcode.NOERROR)

  put('b.zone', zone(1, 'www A 192.0.2.255'))
  await reload(config(next))
  t.strictSame(dataOf(await client.ask('www.a.example.')), ['192.0.2.2'])
  t.strictSame(dataOf(await client.ask('www.n.example.')), ['192.0.2.5'])
  t.equal((await client.ask('still.d.example.')).rcode, Rcode.REFUSED)
})

t.test('a zone becomes dynamic and its file again while it is asked and updated', async t => {
  const file = zone(1, 'www A 192.0.2.1')
  const { client, reload } = await start(t, [STATIC('d')], { 'd.zone': file })
  const wrong: unknown[] = []
  const asking = endlessly(async () => {
    const reply = await client.ask('www.d.example.')
    if (dataOf(reply)[0] !== '192.0.2.1') wrong.push(reply)
  })
  const rcodes = new Set<number>()
  const updating = endlessly(async () => rcodes.add(await client.add('new.d.example.')))
  const both = `{ name: d.example, file: d.zone, dynamic: true, ${UPDATE} }`
  for (let i = 0; i < 5; i++) {
    await reload(config([both]))
    t.equal(await client.add('new.d.example.'), Rcode.NOERROR)
    t.strictSame(dataOf(await client.ask('new.d.example.')), ['192.0.2.9'])
    await reload(config([STATIC('d')]))
    t.equal((await client.ask('new.d.example.')).rcode, Rcode.NXDOMAIN, 'a zone that is not dynamic is its file')
  }
  await asking.stop()
  await updating.stop()
  t.strictSame(wrong, [])
  t.notOk(rcodes.has(Rcode.FORMERR) || rcodes.has(Rcode.NOTAUTH))
})

t.test('a zone of any type becomes one of any other, and every query is answered', async t => {
  const kinds = {
    file: STATIC('d'),
    dynamic: `{ name: d.example, file: d.zone, dynamic: true, ${UPDATE} }`,
    secondary: '{ name: d.example, type: secondary, primaries: ["127.0.0.1:1"] }',
    overlay: '{ name: d.example, overlay_of: w, show: [{ names: ["**"] }] }',
  }
  const base = `  - { name: w, match: { clients: ["192.0.2.0/24"] }, zones: [${STATIC('d')}] }`
  const { client, reload } = await start(t, [kinds.file], { 'd.zone': zone(1, 'www A 192.0.2.1') })
  const wrong: unknown[] = []
  const asking = endlessly(async () => {
    const reply = await client.ask('www.d.example.')
    if (dataOf(reply)[0] !== '192.0.2.1') wrong.push(reply)
  })
  // Every way from one to another.
  const way = 'dynamic file secondary file overlay dynamic secondary dynamic overlay secondary overlay file'
  for (const kind of way.split(' ')) {
    await reload(config([kinds[kind as keyof typeof kinds]], base))
    t.strictSame(dataOf(await client.ask('www.d.example.')), ['192.0.2.1'], kind)
    const rcode = await client.add(`new-${kind}.d.example.`)
    // Nobody is there to forward it to.
    const expected = { dynamic: Rcode.NOERROR, secondary: Rcode.SERVFAIL }[kind] ?? Rcode.REFUSED
    t.equal(rcode, expected, `an update of ${kind}`)
  }
  await asking.stop()
  t.strictSame(wrong, [])
})

t.test('what is odd about a changed file is told to whoever asked for the reload', async t => {
  const both = `{ name: d.example, file: d.zone, dynamic: true, ${UPDATE} }`
  const { client, put, reload } = await start(t, [STATIC('a'), both], {
    'a.zone': zone(1, 'www A 192.0.2.1'),
    'd.zone': zone(1),
  })
  t.strictSame((await reload(config([STATIC('a'), both]))).warnings, [])
  put('a.zone', zone(1, 'www A 192.0.2.2'))
  await client.add('www.d.example.')
  put('d.zone', zone(2, 'www CNAME ns1'))
  const { warnings } = await reload(config([STATIC('a'), both]))
  t.match(warnings.sort(), [
    'a.example. in view v: the file changed, but its serial is not greater (1, before 1): secondaries will not take over the zone until it is',
    /^d\.example\. in view v: a record of the file was skipped: www\.d\.example\. 60 IN CNAME .* beside which no CNAME can be$/,
  ])
  put('a.zone', zone(2, 'www A 192.0.2.2'))
  t.strictSame((await reload(config([STATIC('a'), both]))).warnings, [], 'once')
})

t.test('a dynamic zone that is to be signed loses no update on the way', async t => {
  const signed = DYNAMIC.replace('dynamic: true', 'dynamic: true, dnssec: { sign: true }')
  const { client, reload } = await start(t, [DYNAMIC], {})
  const added: string[] = []
  const refused: number[] = []
  const updating = Array.from({ length: 4 }, (_, lane) =>
    endlessly(async () => {
      const owner = `u${lane}-${added.length}.d.example.`
      const rcode = await client.add(owner)
      if (rcode === Rcode.NOERROR) added.push(owner)
      else refused.push(rcode)
    }),
  )
  for (const next of [signed, DYNAMIC, signed, DYNAMIC]) await reload(config([next]))
  for (const { stop } of updating) await stop()
  t.strictSame(refused, [])
  for (const owner of added) if (dataOf(await client.ask(owner)).length !== 1) t.fail(`${owner} is lost`)
})

t.test('what takes a restart is named', async t => {
  const cwd = scratch(t, {})
  const read = (text: string) => {
    put(cwd, 'namestead.yaml', text)
    return loadConfig(join(cwd, 'namestead.yaml')).config!
  }
  const before = read(config([]))
  for (const [from, to, expected] of [
    ['workers: 2', 'workers: 3', { changed: [], restart: ['workers'] }],
    ['127.0.0.1:0', '127.0.0.1:1', { changed: [], restart: ['listen'] }],
    ['data_dir: data', 'data_dir: other', { changed: [], restart: ['data_dir', 'database'] }],
    ['name: k', 'name: l', { changed: ['keys'], restart: [] }],
    ['name: v', 'name: w', { changed: ['views'], restart: [] }],
  ] as const) {
    const found = compareConfigs(before, read(config([]).replace(from, to)))
    t.strictSame(
      { changed: found.changed, restart: found.restart.toSorted() },
      { ...expected, restart: expected.restart.toSorted() },
      to,
    )
  }
})
