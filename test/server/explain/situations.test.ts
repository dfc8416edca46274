import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { loadConfig } from '../../../config/load.ts'
import { Flag } from '../../../dns/codes.ts'
import { parseMessage, writeMessage } from '../../../dns/message.ts'
import { silentLog } from '../../../host/log.ts'
import { systemWorld, type World } from '../../../host/world.ts'
import { type Daemon, startDaemon } from '../../../server/daemon.ts'
import { put, scratch, type } from '../../cli/session.ts'

const HOUR = 3_600_000

const SOA = '$TTL 300\n@ SOA ns h 1 5 5 600 60\n@ NS ns\nns A 127.0.0.1\n'
const PRIMARY = `
data_dir: data
workers: 1
listen: { dns: ["127.0.0.1:0"] }
views:
  - name: all
    zones:
      - { name: gone.example, file: short.zone, transfer: [{ from: [127.0.0.1] }] }
      - { name: late.example, file: long.zone, transfer: [{ from: [127.0.0.1] }] }
`

const ZONE = `${SOA}www A 192.0.2.10
alias CNAME www
nowhere CNAME missing
away CNAME www.elsewhere.example.
notype CNAME www
one CNAME two
two CNAME one
*.wild A 192.0.2.20
x.y.wild A 192.0.2.21
only TXT "text"
deep.below.empty A 192.0.2.22
sub NS ns.sub
ns.sub A 127.0.0.1
`

const config = (primary: number, dead: number, refusing: number) => `
data_dir: data
workers: 1
listen: { dns: ["127.0.0.1:0"] }
keys: [{ name: known, algorithm: hmac-sha256, secret: "${Buffer.alloc(32).toString('base64')}" }]
views:
  - name: inside
    match: { clients: [10.0.0.0/8, 127.0.0.1] }
    recursion: [10.0.0.0/8]
    zones:
      - { name: a.example, file: a.zone, dynamic: true, update: [{ key: known, names: ["**.dyn.a.example"] }] }
      - { name: split.example, file: inside.zone }
      - { name: gone.example, type: secondary, primaries: ["127.0.0.1:${primary}"] }
      - { name: late.example, type: secondary, primaries: ["127.0.0.1:${primary}"] }
      - { name: never.example, type: secondary, primaries: ["127.0.0.1:${dead}"] }
    forward:
      - { zone: dead.example, to: ["127.0.0.1:${dead}"] }
      - { zone: refusing.example, to: ["127.0.0.1:${refusing}"] }
  - name: outside
    match: { clients: [192.0.2.0/24] }
    zones:
      - { name: split.example, overlay_of: inside, show: [{ names: ["**.public.split.example", "www.split.example"], types: [A] }], hide_private: true }
      - { name: b.example, file: b.zone }
  - name: keyed
    match: { keys: [known] }
    zones: []
`

/** The kind of finding, and how its first line begins or what it contains. */
const SITUATIONS: [argv: string[], finding: string, text: RegExp][] = [
  [['www.a.example'], 'fine', /^192\.0\.2\.10$/],
  [['alias.a.example'], 'fine', /^192\.0\.2\.10$/],
  [['any.wild.a.example'], 'fine', /^192\.0\.2\.20$/],
  [['www.a.example', '--from', '203.0.113.9'], 'no-view', /no view is for client 203\.0\.113\.9; add the address/],
  [['www.a.example', '--key', 'stranger'], 'unknown-key', /no key stranger\. is configured/],
  [
    ['gone.a.example'],
    'nxdomain',
    /a\.example\. \(serial \d+\) has no gone\.a\.example\.; the nearest that exists is a\.example\./,
  ],
  [['only.a.example'], 'no-such-type', /no A: only\.a\.example\. has TXT/],
  [['any.wild.a.example', 'TXT'], 'no-such-type', /no TXT: \*\.wild\.a\.example\. has A/],
  [['below.empty.a.example'], 'empty-non-terminal', /exists only because there are names below it/],
  [
    ['z.y.wild.a.example'],
    'wildcard-blocked',
    /\*\.wild\.a\.example\. does not stand for it, because y\.wild\.a\.example\. exists/,
  ],
  [['one.a.example'], 'alias-loop', /one\.a\.example\. → two\.a\.example\. → one\.a\.example\./],
  [['nowhere.a.example'], 'alias-to-nowhere', /missing\.a\.example\. does not exist/],
  [['notype.a.example', 'MX'], 'alias-to-nowhere', /www\.a\.example\. has no such record/],
  [
    ['away.a.example'],
    'alias-to-nowhere',
    /www\.elsewhere\.example\. is in no zone of view inside, which does not recurse/,
  ],
  [['away.a.example', '--from', '10.0.0.1'], 'alias-to-nowhere', /and no forward rule is for it/],
  [['host.sub.a.example'], 'delegated', /sub\.a\.example\. is delegated, and the view does not recurse/],
  [['www.dead.example'], 'not-recursive', /does not recurse for client 127\.0\.0\.1/],
  [['www.other.example', '--from', '10.0.0.1'], 'no-rule', /none of its forward rules is for it/],
  [
    ['www.dead.example', '--from', '10.0.0.1'],
    'upstreams-down',
    /^SERVFAIL: the forward rule dead\.example\. got no answer/,
  ],
  [['www.refusing.example', '--from', '10.0.0.1'], 'upstreams-down', /answered REFUSED/],
  [
    ['host.sub.a.example', '--from', '10.0.0.1'],
    'upstreams-down',
    /servers to which sub\.a\.example\. is delegated do not answer/,
  ],
  [['www.never.example'], 'zone-expired', /was never transferred; none of its primaries \(127\.0\.0\.1:\d+\)/],
  [['ns.gone.example'], 'zone-expired', /has expired; no primary \(127\.0\.0\.1:\d+\) was reached for 2 h/],
  [['ns.late.example'], 'secondary-behind', /may be out of date: no primary .* was reached for 2 h; it expires in/],
  [
    ['www.split.example', '--from', '192.0.2.1'],
    'overlay-hides',
    /hides it: it tells of a private address; view inside has A 10\.0\.0\.5/,
  ],
  [['db.split.example', '--from', '192.0.2.1'], 'overlay-hides', /hides it: no show rule covers it/],
  [['www.b.example'], 'in-another-view', /www\.b\.example\. A is in view outside, and this client gets view inside/],
  [['_acme-challenge.www.b.example', 'TXT'], 'in-another-view', /is in view outside/],
  [['printer.local', '--from', '10.0.0.1'], 'home', /view inside answers at home/],
  [['5.0.0.10.in-addr.arpa', 'PTR', '--from', '10.0.0.1'], 'home', /10\.in-addr\.arpa/],
]

async function start(cwd: string, text: string, world: World = systemWorld): Promise<Daemon> {
  put(cwd, 'namestead.yaml', text)
  const configFile = join(cwd, 'namestead.yaml')
  const { config, errors } = loadConfig(configFile)
  if (!config) throw new Error(errors.map(({ message }) => message).join())
  return startDaemon(config, { configFile, reload: async () => ({}), stop() {}, fail() {} }, world, silentLog)
}

/** An upstream that refuses whatever it is asked. */
async function refusingServer(t: Test): Promise<number> {
  const socket = createSocket('udp4')
  socket.on('message', (wire, { port, address }) => {
    const query = parseMessage(wire)
    const reply = writeMessage({ ...query, flags: Flag.QR | Flag.RA, rcode: 5, additional: [] })
    socket.send(reply, port, address)
  })
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  t.teardown(() => socket.close())
  return socket.address().port
}

/** A port at which nobody answers. */
async function deadPort(t: Test): Promise<number> {
  const socket = createSocket('udp4')
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  t.teardown(() => socket.close())
  return socket.address().port
}

t.test('each broken situation is named in the first line', async t => {
  const there = scratch(t, { 'short.zone': SOA, 'long.zone': SOA.replace(' 600 ', ' 864000 ') })
  const cwd = scratch(t, {
    'a.zone': ZONE,
    'b.zone': `${SOA}www A 192.0.2.30\n_acme-challenge.www TXT "token"\n`,
    'inside.zone': `${SOA}www A 10.0.0.5\ndb A 192.0.2.31\n`,
  })
  const primary = await start(there, PRIMARY)
  const port = Number(primary.status().listen.dns![0]!.split(':')[1])
  const text = config(port, await deadPort(t), await refusingServer(t))
  const first = await start(cwd, text)
  for (const zone of ['gone.example', 'late.example'])
    while (JSON.parse((await type(cwd, ['explain', `ns.${zone}`, '--json'])).out).rcode !== 'NOERROR');
  await Promise.all([first.stop(), primary.stop()])
  const { clock } = systemWorld
  const later: World = { ...systemWorld, clock: { ...clock, now: () => clock.now() + 2 * HOUR } }
  const daemon = await start(cwd, text, later)
  t.teardown(() => daemon.stop())

  await Promise.all(
    SITUATIONS.map(async ([argv, finding, words]) => {
      const { out, err } = await type(cwd, ['explain', ...argv, '--json'])
      const told = JSON.parse(out || '{}')
      t.match({ err, ...told.verdict }, { err: '', finding, text: words }, argv.join(' '))
      const shown = await type(cwd, ['explain', ...argv])
      t.ok(shown.out.split('\n')[0]!.endsWith(`: ${told.verdict?.text}`), 'and in the first line')
    }),
  )
})
