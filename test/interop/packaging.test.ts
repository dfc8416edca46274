import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { PLAIN_NODE, run, scratch, without } from './tools.ts'

const UNITS = ['namestead.service', 'namestead.socket']

t.test(
  'systemd takes the units, and calls the service hardly exposed',
  { skip: without('systemd-analyze') },
  async t => {
    const folder = scratch(t)
    for (const unit of UNITS) {
      const text = readFileSync(join('packaging', 'systemd', unit), 'utf8')
      // Not installed here: any program stands for ours.
      writeFileSync(join(folder, unit), text.replaceAll('/usr/bin/namestead', '/bin/true'))
    }
    const paths = UNITS.map(unit => join(folder, unit))
    const verified = await run('systemd-analyze', ['verify', '--man=no', ...paths])
    t.strictSame([verified.status, verified.stderr], [0, ''])
    const judged = await run('systemd-analyze', ['security', '--offline=true', '--threshold=25', paths[0]!])
    t.equal(judged.status, 0, judged.stdout.trimEnd().split('\n').at(-1) ?? '')
  },
)

t.test('Compose takes the services, those of the lab too', { skip: without('docker-compose') }, async t => {
  const read = await run('docker-compose', ['--profile', 'lab', 'config', '--services'])
  t.equal(read.status, 0, read.stderr)
  t.strictSame(read.stdout.trim().split('\n').sort(), ['coredns', 'grafana', 'namestead', 'prometheus'])
})

t.test('the Debian package holds a daemon that runs', { skip: without('dpkg-deb', 'npm') }, async t => {
  const folder = scratch(t)
  const [env, ...args] = [...PLAIN_NODE, 'scripts/package-deb.ts', folder]
  const built = await run(env!, args, { timeout: 300_000 })
  t.equal(built.status, 0, built.stderr)
  const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string }
  const architecture = process.arch === 'x64' ? 'amd64' : 'arm64'
  const file = join(folder, `namestead_${version}_${architecture}.deb`)
  const fields = await run('dpkg-deb', ['--field', file, 'Package', 'Version', 'Architecture'])
  t.equal(fields.stdout, `Package: namestead\nVersion: ${version}\nArchitecture: ${architecture}\n`)
  const root = join(folder, 'root')
  t.equal((await run('dpkg-deb', ['--extract', file, root])).status, 0)
  for (const unit of UNITS) t.ok(existsSync(join(root, 'usr/lib/systemd/system', unit)), unit)
  t.equal(statSync(join(root, 'usr/bin/namestead')).mode & 0o777, 0o755)

  const program = join(root, 'usr/lib/namestead')
  const runtime = join(program, 'node_modules', `node-linux-${process.arch}`, 'bin', 'node')
  const namestead = (...args: string[]) =>
    run(runtime, [join(program, 'bin', 'namestead.mjs'), ...args], { cwd: folder })
  t.equal((await namestead('--version')).stdout, `${version}\n`)
  t.match(await namestead('init', 'site', '--domain', 'a.example', '--address', '127.0.0.1'), { status: 0, stderr: '' })
  t.match(await namestead('check', '--config', 'site/namestead.yaml'), { status: 0, stderr: '' })
})
