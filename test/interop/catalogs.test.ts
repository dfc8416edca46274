import { writeFileSync } from 'node:fs'
import t from 'tap'
import { configText, Daemon, KEY, type Ports } from './daemon.ts'
import { startBind } from './peers/bind.ts'
import { startKnot } from './peers/knot.ts'
import { startPdns, withoutPdns } from './peers/pdns.ts'
import { dig, digStatus, eventually, freePorts, run, without } from './tools.ts'

t.setTimeout(120_000)

const zoneText = (address: string, ...lines: string[]) =>
  `$TTL 60\n@ SOA ns1 h 1 3600 600 86400 60\n@ NS ns1\nns1 A ${address}\n${lines.join('\n')}\n`
const PRIMARY = (port: number) => `[{ address: "127.0.0.1:${port}", key: xfr }]`
const has = (port: number, name: string, address: string) => async () => (await dig(port, name)).includes(address)
const refused = (port: number, name: string) => async () => (await digStatus(port, '+norecurse', name)) === 'REFUSED'

t.test(
  'our catalog: BIND, Knot and PowerDNS serve what it lists',
  { skip: without('named', 'knotd', 'dig') || withoutPdns() },
  async t => {
    const [bind, knot, pdns] = (await freePorts(3)) as [number, number, number]
    const told = `notify: [${[bind, knot, pdns].map(port => `"127.0.0.1:${port}"`).join(', ')}]`
    // PowerDNS 4.7 asks for members without a signature, whatever key the catalog has.
    const member = (name: string) =>
      `      - { name: ${name}, dynamic: true, transfer: [{ from: [127.0.0.1] }], ${told} }\n`
    const catalog = `      - { name: catz.example, catalog_of: { zones: ["**.member.example"] }, transfer: [{ key: xfr }], ${told} }\n`
    const config = (ports: Ports, ...members: string[]) => configText(ports, catalog + members.map(member).join(''))
    const daemon = await Daemon.start(t, { config: ports => config(ports, 'one.member.example', 'two.member.example') })
    const { dns } = daemon.ports
    const reload = async (...members: string[]) => {
      writeFileSync(daemon.file, config(daemon.ports, ...members))
      const { status, stderr } = await daemon.cli('reload')
      t.equal(status, 0, stderr)
    }
    startBind(t, {
      port: bind,
      options: `allow-notify { 127.0.0.1; }; catalog-zones { zone "catz.example" default-primaries { 127.0.0.1 port ${dns} key xfr; } min-update-interval 1; };`,
      statements: `zone "catz.example" { type secondary; primaries { 127.0.0.1 port ${dns} key xfr; }; file "catz.db"; };`,
    })
    startKnot(t, {
      port: knot,
      we: dns,
      sections: `template:
  - id: member
    master: we
    acl: told
zone:
  - domain: catz.example
    master: we
    acl: told
    catalog-role: interpret
    catalog-template: member`,
    })
    await startPdns(t, {
      port: pdns,
      setup: `create-secondary-zone catz.example 127.0.0.1:${dns}
      set-kind catz.example consumer
      activate-tsig-key catz.example xfr consumer`,
    })
    const peers = [
      ['BIND', bind],
      ['Knot', knot],
      ['PowerDNS', pdns],
    ] as const
    const serves = (name: string) => async (port: number) => (await dig(port, name, 'SOA')).length === 1
    for (const [peer, port] of peers) {
      for (const name of ['one.member.example', 'two.member.example'])
        t.ok(await eventually(() => serves(name)(port), 30), `${peer} serves ${name}`)
    }
    await reload('two.member.example', 'three.member.example')
    for (const [peer, port] of peers) {
      t.ok(await eventually(() => serves('three.member.example')(port), 30), `${peer} serves what is new`)
      t.ok(await eventually(refused(port, 'one.member.example'), 30), `${peer} has let go what went`)
      t.ok(await serves('two.member.example')(port), `${peer} still serves what stayed`)
    }
  },
)

t.test(
  'catalogs of BIND, Knot and PowerDNS: we serve what they list',
  { skip: without('named', 'knotd', 'nsupdate', 'dig') || withoutPdns() },
  async t => {
    const [bind, knot, pdns] = (await freePorts(3)) as [number, number, number]
    const consumed = (name: string, port: number) =>
      `      - { name: ${name}, type: secondary, primaries: ${PRIMARY(port)}, catalog: { transfer: [{ key: xfr }] } }\n`
    const more = consumed('catz.bind', bind) + consumed('catz.knot', knot) + consumed('catz.pdns', pdns)
    const daemon = await Daemon.start(t, { more })
    const { dns } = daemon.ports
    const xfr = 'allow-transfer { key xfr; }; allow-update { key xfr; };'
    const catalogText = (...lines: string[]) => zoneText('127.0.0.1', 'version TXT "2"', ...lines)
    startBind(t, {
      port: bind,
      options: `notify explicit; also-notify { 127.0.0.1 port ${dns}; };`,
      statements: ['catz.bind', 'one.bind', 'two.bind']
        .map(zone => `zone "${zone}" { type primary; file "${zone}"; ${xfr} };`)
        .join('\n'),
      files: {
        'catz.bind': catalogText('a.zones PTR one.bind.'),
        'one.bind': zoneText('192.0.2.1'),
        'two.bind': zoneText('192.0.2.2'),
      },
    })
    startKnot(t, {
      port: knot,
      we: dns,
      template:
        '    acl: all\n    notify: told\n    catalog-zone: catz.knot\n    catalog-role: member\n    catalog-group: far',
      sections: `template:
  - id: generated
    acl: all
    notify: told
zone:
  - domain: catz.knot
    template: generated
    catalog-role: generate
  - domain: one.knot
  - domain: two.knot`,
      files: { 'one.knot.zone': zoneText('192.0.2.1'), 'two.knot.zone': zoneText('192.0.2.2') },
    })
    const power = await startPdns(t, {
      port: pdns,
      setup: `load-zone one.pdns one
      load-zone two.pdns two
      create-zone catz.pdns ns.invalid
      set-kind catz.pdns producer
      set-kind one.pdns primary
      set-kind two.pdns primary
      set-catalog one.pdns catz.pdns
      activate-tsig-key catz.pdns xfr producer
      activate-tsig-key one.pdns xfr primary
      activate-tsig-key two.pdns xfr primary
      set-meta catz.pdns ALSO-NOTIFY 127.0.0.1:${dns}
      set-meta one.pdns ALSO-NOTIFY 127.0.0.1:${dns}`,
      files: { one: zoneText('192.0.2.1'), two: zoneText('192.0.2.2') },
    })

    for (const [zone, port] of [
      ['bind', bind],
      ['knot', knot],
      ['pdns', pdns],
    ] as const) {
      await eventually(async () => (await dig(port, `one.${zone}`, 'SOA')).length === 1)
      await daemon.cli('zone', 'refresh', `catz.${zone}`)
    }
    for (const zone of ['one.bind', 'one.knot', 'two.knot', 'one.pdns'])
      t.ok(await eventually(has(dns, `ns1.${zone}`, zone.startsWith('one') ? '192.0.2.1' : '192.0.2.2'), 30), zone)
    t.equal(await digStatus(dns, '+norecurse', 'two.bind', 'SOA'), 'REFUSED')

    await run('nsupdate', ['-v', '-y', KEY('xfr')], {
      input: `server 127.0.0.1 ${bind}\nzone catz.bind\nupdate add b.zones.catz.bind 0 PTR two.bind.\nupdate delete a.zones.catz.bind PTR\nsend\n`,
    })
    t.ok(await eventually(has(dns, 'ns1.two.bind', '192.0.2.2'), 30), 'what BIND has added')
    t.ok(await eventually(refused(dns, 'one.bind'), 30), 'and not what it has taken out')
    await power.util('set-catalog two.pdns catz.pdns')
    await daemon.cli('zone', 'refresh', 'catz.pdns')
    t.ok(await eventually(has(dns, 'ns1.two.pdns', '192.0.2.2'), 30), 'what PowerDNS has added')

    const { stdout } = await run('nsupdate', ['-v', '-y', KEY('xfr')], {
      input: `server 127.0.0.1 ${bind}\nzone catz.bind\nupdate add c.zones.catz.bind 0 PTR two.bind.\nsend\n`,
    })
    t.equal(stdout, '')
    const broken = () =>
      daemon.lines.some(({ reason }) => /catalog is broken: it lists two\.bind\. twice/.test(String(reason)))
    t.ok(await eventually(broken, 30), 'a broken catalog is told of')
    t.ok(await has(dns, 'ns1.two.bind', '192.0.2.2')(), 'and changes nothing')

    await daemon.kill()
    await daemon.restart()
    for (const zone of ['two.bind', 'one.knot', 'two.knot', 'one.pdns', 'two.pdns'])
      t.ok(
        await has(dns, `ns1.${zone}`, zone.startsWith('one') ? '192.0.2.1' : '192.0.2.2')(),
        `${zone} after a restart`,
      )
  },
)
