import { appendFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { Daemon, KEY, ZONE } from './daemon.ts'
import { dig, digStatus, eventually, run, without } from './tools.ts'

t.test('dnsperf loses nothing while the daemon reloads', { skip: without('dnsperf', 'dig') }, async t => {
  const daemon = await Daemon.start(t)
  const outside = join(daemon.folder, 'outside.zone')
  const config = readFileSync(daemon.file, 'utf8')
  const queries = join(daemon.folder, 'queries')
  writeFileSync(queries, 'www.internal.example.com A\nabsent.internal.example.com A\nalias.internal.example.com AAAA\n')
  const args = ['-s', '127.0.0.1', '-p', String(daemon.ports.dns), '-d', queries, '-l', '8', '-q', '20', '-Q', '500']
  // A daemon that shares its cores with all others may take longer to answer than dnsperf would wait.
  let running = true
  const measured = run('dnsperf', [...args, '-t', '20']).finally(() => (running = false))
  let reloads = 0
  for (; running; reloads++) {
    writeFileSync(outside, ZONE.replace(' 1 3600', ` ${reloads + 2} 3600`))
    const more = reloads % 2 ? '      - { name: more.example.com, file: outside.zone }' : ''
    writeFileSync(daemon.file, config.replace('    forward:\n', `${more}\n    forward:\n`))
    const { status, stderr } = await daemon.cli('reload')
    if (status !== 0) t.fail(stderr)
  }
  const { stdout } = await measured
  t.match(stdout, /Queries lost:\s+0 /)
  t.match(stdout, /Response codes:\s+NOERROR \d+ \([\d.]+%\), NXDOMAIN \d+ \([\d.]+%\)\s*$/m)
  t.ok(reloads >= 3, `${reloads} reloads`)
})

t.test('a zone that is its file', { skip: without('dig') }, async t => {
  const more = '      - { name: more.example.com, file: more.zone, transfer: [{ key: xfr }] }'
  const daemon = await Daemon.start(t)
  const { dns } = daemon.ports
  const file = join(daemon.folder, 'more.zone')
  const zone = (serial: number, ...rest: string[]) =>
    writeFileSync(
      file,
      ['$TTL 60', `@ SOA ns1 h ${serial} 1 1 1 1`, '@ NS ns1', 'ns1 A 192.0.2.1', ...rest, ''].join('\n'),
    )
  const config = readFileSync(daemon.file, 'utf8').replace('    forward:\n', `${more}\n    forward:\n`)
  zone(1, 'www A 192.0.2.1')
  writeFileSync(daemon.file, config)
  t.match(await daemon.cli('reload'), { status: 0, stdout: 'reloaded; changed: views\n' })
  t.strictSame(await dig(dns, 'www.more.example.com'), ['192.0.2.1'])

  zone(2, 'www A 192.0.2.256')
  appendFileSync(join(daemon.folder, 'outside.zone'), 'late A 192.0.2.9\n')
  const refused = await daemon.cli('reload')
  t.equal(refused.status, 2)
  t.match(refused.stderr, /more\.zone:5:7: /)
  t.strictSame(await dig(dns, 'www.more.example.com'), ['192.0.2.1'], 'the old zone is served')

  zone(2, 'www A 192.0.2.2')
  t.match(await daemon.cli('reload'), { status: 0, stdout: 'reloaded\n' })
  t.strictSame(await dig(dns, 'www.more.example.com'), ['192.0.2.2'])
  const ixfr = async (serial: number) => {
    const args = [
      '@127.0.0.1',
      '-p',
      String(dns),
      '-y',
      KEY('xfr'),
      `ixfr=${serial}`,
      '+noall',
      '+answer',
      'more.example.com',
    ]
    const { stdout } = await run('dig', args)
    return stdout
      .split('\n')
      .filter(line => /^\S/.test(line) && !line.startsWith(';'))
      .map(line => line.split(/\s+/)[3])
  }
  t.strictSame(await ixfr(1), ['SOA', 'SOA', 'A', 'SOA', 'A', 'SOA'], 'RFC 1995 §4: secondaries get the difference')

  zone(2, 'www A 192.0.2.3')
  t.match(await daemon.cli('reload'), {
    status: 0,
    stderr: /^warning: more\.example\.com\. in view inside: the file changed, but its serial is not greater/m,
  })
  t.strictSame(await dig(dns, 'www.more.example.com'), ['192.0.2.3'])
  const warning = daemon.lines.find(
    ({ zone, msg }) => zone === 'more.example.com.' && /its serial is not/.test(String(msg)),
  )
  t.match(warning, { level: 'warn', serial: 2, before: 2 })
  zone(3, 'www A 192.0.2.4')
  t.match(await daemon.cli('reload'), { status: 0 })
  t.strictSame(await ixfr(2), ['SOA', 'NS', 'A', 'A', 'SOA'], 'what had that serial is not known: the whole zone')

  zone(4, 'www A 192.0.2.4', 'new A 192.0.2.5')
  t.match(await daemon.cli('reload'), { status: 0 })
  await daemon.end('SIGTERM')
  await daemon.restart()
  t.strictSame(await ixfr(3), ['SOA', 'SOA', 'SOA', 'A', 'SOA'], 'a restart forgets nothing of it')
  const [change] = JSON.parse((await daemon.cli('zone', 'history', 'more.example.com', '--json')).stdout)
  t.match(change, { serial: 4, serial_before: 3, source: 'file', added: [/SOA/, /new\.more\.example\.com/] })
  const shown = await daemon.cli('zone', 'show', 'more.example.com', '--serial', '3')
  t.match(shown.stdout, /SOA\t.* 3 1 1 1 1/)
  t.notMatch(shown.stdout, /new\.more|^new/m)
  t.match(await daemon.cli('zone', 'revert', 'more.example.com', '--to', '3'), {
    status: 2,
    stderr: /change its file, and reload/,
  })

  writeFileSync(daemon.file, config.replace('workers: 2', 'workers: 1'))
  t.match(await daemon.cli('reload'), { status: 0, stderr: 'restart the daemon for workers to take effect\n' })
  writeFileSync(daemon.file, config.replace('workers: 2', 'workers: none'))
  t.match(await daemon.cli('reload'), { status: 2, stderr: /namestead\.yaml:\d+:\d+: / })

  writeFileSync(daemon.file, config.replace(more, ''))
  process.kill(daemon.pid, 'SIGHUP')
  t.ok(await eventually(async () => (await digStatus(dns, 'more.example.com', 'SOA')) !== 'NOERROR'), 'SIGHUP')
  await daemon.end('SIGTERM')
  t.match(await daemon.cli('reload'), { status: 1 })
})
