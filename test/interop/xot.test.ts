import { join } from 'node:path'
import t from 'tap'
import { Daemon, KEY } from './daemon.ts'
import { startBind } from './peers/bind.ts'
import { dig, eventually, freePorts, run, scratch, selfSigned, without } from './tools.ts'

t.setTimeout(120_000)

t.test(
  'zones are transferred over TLS (RFC 9103), from BIND and to BIND',
  { skip: without('named', 'openssl', 'nsupdate', 'kdig') },
  async t => {
    const folder = scratch(t)
    const [bind, tls] = (await freePorts(2)) as [number, number]
    await selfSigned(folder, 'DNS:ns.bind.example')
    const secondary = (name: string, hostname: string) =>
      `      - { name: ${name}, type: secondary, primaries: [{ address: "tls://127.0.0.1:${tls}#${hostname}", key: xfr, roots: ${join(folder, 'cert.pem')} }] }\n`
    const more =
      secondary('tls.example', 'ns.bind.example') +
      secondary('other.example', 'ns.other.example') +
      '      - { name: only.example, dynamic: true, transfer: [{ key: xfr, tls: true }], update: [{ key: xfr, names: ["**"] }] }\n'
    const daemon = await Daemon.start(t, { more })
    const { dns, dot } = daemon.ports
    const named = startBind(t, {
      port: bind,
      options: `listen-on port ${tls} tls own { 127.0.0.1; }; notify explicit; also-notify { 127.0.0.1 port ${dns}; };`,
      statements: `
tls own { cert-file "${folder}/cert.pem"; key-file "${folder}/key.pem"; protocols { TLSv1.3; }; };
tls we { ca-file "${await daemon.rootFile()}"; remote-hostname "localhost"; protocols { TLSv1.3; }; };
zone "tls.example" { type primary; file "tls.example"; allow-transfer port ${tls} transport tls { key xfr; }; allow-update { key xfr; }; };
zone "only.example" { type secondary; primaries { 127.0.0.1 port ${dot} key xfr tls we; }; file "only.example"; };`,
      files: { 'tls.example': '$TTL 60\n@ SOA ns1 h 1 3600 600 86400 60\n@ NS ns1\nns1 A 127.0.0.1\n' },
    })

    t.test('from BIND, its name checked', async t => {
      t.ok(await eventually(async () => (await dig(dns, 'ns1.tls.example')).includes('127.0.0.1'), 30))
      t.strictSame(await dig(dns, 'ns1.other.example'), [], 'another name than its certificate has is refused')
      const reasons = () =>
        daemon.lines.filter(({ zone }) => zone === 'other.example.').map(({ reason }) => String(reason))
      t.ok(await eventually(() => reasons().some(reason => /does not match|altnames/i.test(reason)), 30))
    })

    t.test('and followed', async t => {
      await run('nsupdate', ['-v', '-y', KEY('xfr')], {
        input: `server 127.0.0.1 ${bind}\nzone tls.example\nupdate add new.tls.example 60 TXT "x"\nsend\n`,
      })
      t.ok(await eventually(async () => (await dig(dns, 'new.tls.example', 'TXT')).length === 1, 30))
      t.match(named.log(), /tls\.example\/IN.*IXFR started/)
    })

    t.test('to BIND, which checks ours', async t => {
      t.ok(await eventually(async () => (await dig(bind, 'only.example', 'SOA')).length === 1, 30))
    })

    t.test('a rule that asks for TLS keeps out who comes without', async t => {
      const transfer = (...how: string[]) =>
        run('kdig', ['@127.0.0.1', '-y', KEY('xfr'), ...how, 'only.example', 'AXFR']).then(({ stdout }) => stdout)
      t.notMatch(await transfer('-p', String(dns)), /IN\s+SOA/)
      t.match(await transfer('-p', String(dot), '+tls'), /only\.example\.\s+\d+\s+IN\s+SOA/)
    })
  },
)
