import t from 'tap'
import { Daemon, KEY } from './daemon.ts'
import { startPdns, withoutPdns } from './peers/pdns.ts'
import { dig, eventually, freePorts, run, without } from './tools.ts'

t.setTimeout(90_000)

t.test(
  'zones go to PowerDNS and come from it, signed',
  { skip: without('dig', 'nsupdate', 'pdns_server', 'pdnsutil') || withoutPdns() },
  async t => {
    const [port] = (await freePorts(1)) as [number]
    const more = `      - { name: ours.example, dynamic: true, update: [{ key: xfr, names: ["**"] }], transfer: [{ key: xfr }], notify: ["127.0.0.1:${port}"] }
      - { name: theirs.example, type: secondary, primaries: [{ address: "127.0.0.1:${port}", key: xfr }] }
      - { name: closed.example, type: secondary, primaries: ["127.0.0.1:${port}"] }
`
    const daemon = await Daemon.start(t, { more })
    const { dns } = daemon.ports
    const pdns = await startPdns(t, {
      port,
      setup: `create-secondary-zone ours.example 127.0.0.1:${dns}
        activate-tsig-key ours.example xfr secondary
        set-meta ours.example IXFR 1
        load-zone theirs.example theirs
        set-kind theirs.example primary
        activate-tsig-key theirs.example xfr primary
        set-meta theirs.example ALSO-NOTIFY 127.0.0.1:${dns}
        load-zone closed.example theirs
        activate-tsig-key closed.example xfr primary`,
      files: { theirs: '$TTL 60\n@ SOA ns1 h 5 3600 600 86400 60\n@ NS ns1\nns1 A 127.0.0.1\n*.wild TXT "any"\n' },
    })
    const update = (line: string) =>
      run('nsupdate', ['-v', '-y', KEY('xfr')], {
        input: `server 127.0.0.1 ${dns}\nzone ours.example\n${line}\nsend\n`,
      })
    const soa = (at: number, zone: string) => dig(at, zone, 'SOA')

    t.test('PowerDNS transfers ours by AXFR, follows by NOTIFY and IXFR', async t => {
      t.ok(await eventually(async () => (await soa(port, 'ours.example')).length === 1, 30))
      for (let i = 0; i < 5; i++) t.equal((await update(`update add n${i}.ours.example 60 A 192.0.2.${i}`)).stderr, '')
      t.ok(await eventually(async () => (await dig(port, 'n4.ours.example')).includes('192.0.2.4'), 30))
      t.strictSame(await soa(port, 'ours.example'), await soa(dns, 'ours.example'))
      t.match(pdns.log(), /starting IXFR/)
      t.match(pdns.log(), /Received NOTIFY for ours\.example/)
      const kinds = daemon.lines.filter(({ msg, zone }) => msg === 'zone transferred' && zone === 'ours.example.')
      t.ok(kinds.some(({ kind, key }) => kind === 'IXFR' && key === 'xfr.'))
    })

    t.test('we transfer its zone, and follow its NOTIFY', async t => {
      t.ok(await eventually(async () => (await soa(dns, 'theirs.example')).length === 1, 30))
      t.strictSame(await dig(dns, 'x.wild.theirs.example', 'TXT'), ['"any"'])
      t.equal((await pdns.util('add-record theirs.example new A 60 192.0.2.9')).status, 0)
      t.equal((await pdns.util('increase-serial theirs.example')).status, 0)
      t.ok(await eventually(async () => (await dig(dns, 'new.theirs.example')).includes('192.0.2.9'), 30))
    })

    t.test('what it refuses without a key we do not have', async t => {
      t.strictSame(await soa(dns, 'closed.example'), [])
      const reasons = () =>
        daemon.lines.filter(({ zone }) => zone === 'closed.example.').map(({ reason }) => String(reason))
      t.ok(await eventually(() => reasons().some(reason => /REFUSED|NOTAUTH/.test(reason)), 30))
    })
  },
)
