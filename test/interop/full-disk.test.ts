import { statSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { Daemon, KEY } from './daemon.ts'
import { dig, digStatus, run, without } from './tools.ts'

t.setTimeout(60_000)

t.test(
  'while the disk is full, updates are answered SERVFAIL and queries go on',
  { skip: without('dig', 'nsupdate', 'prlimit') },
  async t => {
    const daemon = await Daemon.start(t)
    const { dns } = daemon.ports
    const update = async (name: string) => {
      const { stderr } = await run('nsupdate', ['-v', '-y', KEY('externaldns')], {
        input: `server 127.0.0.1 ${dns}\nzone internal.example.com\nupdate add ${name}.apps.internal.example.com 60 TXT "${'x'.repeat(200)}"\nsend\n`,
      })
      return /update failed: (\w+)/.exec(stderr)?.[1] ?? (stderr.trim() || 'NOERROR')
    }
    /** As a full disk does, this makes every write fail that would need more room; it needs no privilege. */
    const limit = async (octets: number | 'unlimited') => {
      const { status, stderr } = await run('prlimit', ['--pid', String(daemon.pid), `--fsize=${octets}:unlimited`])
      t.equal(status, 0, stderr)
    }
    const serial = async () => (await dig(dns, 'internal.example.com', 'SOA'))[0]?.split(' ')[2]

    t.equal(await update('before'), 'NOERROR')
    const was = await serial()
    await limit(statSync(join(daemon.folder, 'data', 'namestead.db-wal')).size)
    for (const name of ['one', 'two', 'three']) t.equal(await update(name), 'SERVFAIL')
    t.strictSame(await dig(dns, 'www.internal.example.com'), ['192.0.2.10'])
    t.equal((await dig(dns, 'before.apps.internal.example.com', 'TXT')).length, 1)
    t.equal(await digStatus(dns, 'one.apps.internal.example.com', 'TXT'), 'NXDOMAIN')
    t.equal(await serial(), was, 'the zone is as it was')
    const refused = daemon.lines.filter(({ msg }) => msg === 'update refused')
    t.match(refused[0], { level: 'error', rcode: 2, reason: /could not be stored/ })
    const { stdout } = await run('curl', ['-s', `http://127.0.0.1:${daemon.ports.metrics}/metrics`])
    t.match(stdout, /namestead_dns_updates_total\{rcode="SERVFAIL"\} 3/)

    await limit('unlimited')
    t.equal(await update('after'), 'NOERROR', 'with room it goes on')
    await daemon.kill()
    await daemon.restart()
    for (const name of ['before', 'after'])
      t.equal((await dig(dns, `${name}.apps.internal.example.com`, 'TXT')).length, 1, `${name} was stored`)
  },
)
