import t from 'tap'
import { Daemon, KEY } from './daemon.ts'
import { startBind } from './peers/bind.ts'
import { startKnot } from './peers/knot.ts'
import { startNsd } from './peers/nsd.ts'
import { dig, digStatus, eventually, freePorts, run, stopPeer, without } from './tools.ts'

t.setTimeout(180_000)

const COUNT = 100_000
/** Twenty updates pass over zero (RFC 1982). */
const SERIAL = 2 ** 32 - 10

/** A zone of many records, most of a kind. */
const bigZone = (serial: number) =>
  `$TTL 60\n@ SOA ns1 h ${serial} 3600 600 86400 60\n@ NS ns1\nns1 A 127.0.0.1\n` +
  Array.from({ length: COUNT }, (_, i) => `h${i} A 10.${i >> 16}.${(i >> 8) & 255}.${i & 255}\n`).join('')

t.test(
  'zones go round: BIND and Knot to us, from us to Knot and NSD',
  {
    skip: without('dig', 'named', 'knotd', 'nsd', 'nsupdate'),
  },
  async t => {
    const [bind, knot, nsd] = (await freePorts(3)) as [number, number, number]
    const secondary = (name: string, primary: number, notify: number[]) =>
      `      - { name: ${name}, type: secondary, primaries: [{ address: "127.0.0.1:${primary}", key: xfr }], transfer: [{ key: xfr }],
          update: [{ key: xfr, names: ["**"] }], notify: [${notify.map(port => `"127.0.0.1:${port}"`).join(', ')}] }\n`
    const more = secondary('bind.example', bind, [knot, nsd]) + secondary('knot.example', knot, [])
    const daemon = await Daemon.start(t, { more })
    const { dns } = daemon.ports
    const named = startBind(t, {
      port: bind,
      options: `notify explicit; also-notify { 127.0.0.1 port ${dns}; };`,
      statements:
        'zone "bind.example" { type primary; file "bind.example"; allow-transfer { key xfr; }; allow-update { key xfr; }; };',
      files: { 'bind.example': bigZone(SERIAL) },
    })
    const knotd = startKnot(t, {
      port: knot,
      we: dns,
      sections: KNOT_ZONES,
      files: { 'knot.example': bigZone(SERIAL) },
    })
    startNsd(t, {
      port: nsd,
      clauses: `zone:\n  name: bind.example\n  zonefile: nsd.zone\n  allow-notify: 127.0.0.1 NOKEY\n  request-xfr: 127.0.0.1@${dns} xfr`,
    })

    const has = (port: number, name: string, address: string) => async () => (await dig(port, name)).includes(address)
    const update = (port: number, zone: string, lines: string[]) =>
      run('nsupdate', ['-v', '-y', KEY('xfr')], {
        input: `server 127.0.0.1 ${port}\nzone ${zone}\n${lines.join('\n')}\nsend\n`,
      })
    const transferred = (kind: string, zone: string) =>
      daemon.lines.filter(
        line => line['msg'] === 'zone transferred from its primary' && line['kind'] === kind && line['zone'] === zone,
      ).length
    const whole = async (port: number, zone: string) => {
      const args = ['+noall', '+answer', '+onesoa', '+nocomments', '-y', KEY('xfr'), '-p', String(port), '@127.0.0.1']
      const { stdout } = await run('dig', [...args, zone, 'AXFR'])
      return stdout
        .replace(/[ \t]+/g, ' ')
        .split('\n')
        .filter(line => line.includes(' IN '))
        .sort()
        .join('\n')
    }

    t.test(`${COUNT} records come from BIND and from Knot`, async t => {
      for (const zone of ['bind.example', 'knot.example'])
        t.ok(await eventually(has(dns, `h99999.${zone}`, '10.1.134.159'), 60), `${zone} is served by us`)
      t.equal(transferred('AXFR', 'bind.example.'), 1)
    })

    t.test('and go on to Knot and NSD', async t => {
      for (const [peer, port] of [
        ['Knot', knot],
        ['NSD', nsd],
      ] as const)
        t.ok(await eventually(has(port, 'h99999.bind.example', '10.1.134.159'), 60), `${peer} serves it`)
    })

    t.test('updates that we forward come back by NOTIFY and IXFR, over a serial that wraps', async t => {
      for (let i = 0; i < 20; i++) {
        const { stdout, stderr } = await update(dns, 'bind.example', [
          `update add n${i}.bind.example 60 A 192.0.2.${i}`,
        ])
        t.equal(stdout + stderr, '', `BIND takes update ${i}, and nsupdate verifies its signature`)
      }
      for (const [peer, port] of [
        ['BIND', bind],
        ['we', dns],
        ['Knot', knot],
        ['NSD', nsd],
      ] as const)
        t.ok(await eventually(has(port, 'n19.bind.example', '192.0.2.19'), 30), `${peer}`)
      t.ok(transferred('IXFR', 'bind.example.') > 0)
      t.equal(transferred('AXFR', 'bind.example.'), 1, 'the whole zone only once')
      t.match(knotd.log(), /bind\.example\..*IXFR, incoming/)
      const [serial] = (await dig(dns, 'bind.example', 'SOA')).map(line => Number(line.split(' ')[2]))
      t.ok(serial! < 100, `serial ${serial}`)
    })

    t.test('Knot takes forwarded updates, and we follow it', async t => {
      const { stdout, stderr } = await update(dns, 'knot.example', [
        'update delete h7.knot.example A',
        'update add new.knot.example 60 TXT "x"',
      ])
      t.equal(stdout + stderr, '')
      t.ok(await eventually(async () => (await dig(dns, 'new.knot.example', 'TXT')).length === 1, 30))
      t.equal(await digStatus(dns, 'h7.knot.example'), 'NXDOMAIN')
      t.equal(transferred('IXFR', 'knot.example.'), 1)
    })

    t.test('what all of them have is the same', async t => {
      const ours = await whole(dns, 'bind.example')
      t.equal(ours.split('\n').length, COUNT + 3 + 20)
      t.ok(ours === (await whole(bind, 'bind.example')), 'BIND')
      t.ok(ours === (await whole(knot, 'bind.example')), 'Knot')
      t.ok((await whole(dns, 'knot.example')) === (await whole(knot, 'knot.example')), "of the zone that is Knot's")
    })

    t.test('an update whose key no rule of ours names is not forwarded', async t => {
      const { stderr } = await run('nsupdate', ['-v', '-y', KEY('externaldns')], {
        input: `server 127.0.0.1 ${dns}\nzone bind.example\nupdate add no.bind.example 60 A 192.0.2.1\nsend\n`,
      })
      t.match(stderr, /REFUSED/)
    })

    t.test('after a restart without its primary the zone is served at once', async t => {
      await stopPeer(named.process)
      await daemon.kill()
      await daemon.restart()
      t.strictSame(await dig(dns, 'n19.bind.example'), ['192.0.2.19'])
      const shown = JSON.parse((await daemon.cli('zone', 'show', 'bind.example', '--json')).stdout)
      t.match(shown, {
        type: 'secondary',
        records: COUNT + 23,
        secondary: { primaries: [`127.0.0.1:${bind}`], next_refresh: String },
      })
      t.match((await update(dns, 'bind.example', ['update add x.bind.example 60 A 192.0.2.1'])).stderr, /SERVFAIL/)
    })

    t.test('promoted, it takes updates itself, and its secondaries follow', async t => {
      const { status, stdout, stderr } = await daemon.cli('zone', 'promote', 'bind.example')
      t.equal(status, 0, stderr)
      t.match(stdout, /is a primary from now on/)
      t.equal((await update(dns, 'bind.example', ['update add own.bind.example 60 A 192.0.2.77'])).stderr, '')
      t.strictSame(await dig(dns, 'own.bind.example'), ['192.0.2.77'])
      for (const [peer, port] of [
        ['Knot', knot],
        ['NSD', nsd],
      ] as const)
        t.ok(await eventually(has(port, 'own.bind.example', '192.0.2.77'), 30), peer)
      await daemon.kill()
      await daemon.restart()
      t.strictSame(await dig(dns, 'own.bind.example'), ['192.0.2.77'], 'and it stays so')
      t.equal((await update(dns, 'bind.example', ['update add own2.bind.example 60 A 192.0.2.78'])).stderr, '')
      t.equal((await daemon.cli('zone', 'promote', 'bind.example')).status, 2, 'it can be done once')
    })
  },
)

const KNOT_ZONES = `zone:
  - domain: bind.example
    master: we
    acl: [all, told]
  - domain: knot.example
    file: knot.example
    notify: told
    acl: all
    zonefile-load: whole
    journal-content: changes
`
