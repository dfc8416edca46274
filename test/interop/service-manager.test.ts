import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import t from 'tap'
import { freePorts, PLAIN_NODE, run, scratch, without } from './tools.ts'

const ZONE = '@ 300 IN SOA ns1 h 1 3600 600 604800 60\n@ 300 NS ns1\nns1 300 A 127.0.0.1\n'

t.test(
  'a service manager holds the sockets: what is asked between two runs is answered by the second',
  { skip: without('python3', 'dig') },
  async t => {
    const folder = scratch(t)
    const [port] = (await freePorts(1)) as [number]
    const config = join(folder, 'namestead.yaml')
    writeFileSync(join(folder, 'a.zone'), ZONE)
    writeFileSync(
      config,
      `data_dir: data\nlisten: { dns: ["127.0.0.1:${port}"] }\nworkers: 2\nviews:\n  - { name: all, zones: [{ name: a.example, type: primary, file: a.zone }] }\n`,
    )
    const command = [...PLAIN_NODE, 'bin/namestead.mjs', 'serve', '--config', config]
    const manager = spawn('python3', ['test/interop/service-manager.py', String(port), ...command], {
      stdio: ['pipe', 'pipe', 'ignore'],
    })
    t.teardown(async () => {
      manager.stdin.end('stop\n')
      await once(manager, 'exit')
    })
    const lines = createInterface({ input: manager.stdout })[Symbol.asyncIterator]()
    const heard = async (wanted: RegExp): Promise<string> => {
      for (;;) {
        const { value, done } = await lines.next()
        if (done) return 'nothing more'
        if (wanted.test(value)) return value
      }
    }
    const ask = (...how: string[]) =>
      run('dig', ['@127.0.0.1', '-p', String(port), '+short', '+tries=1', '+time=50', ...how, 'ns1.a.example'])

    manager.stdin.write('start\n')
    t.match(await heard(/READY/), /^READY=1\|STATUS=serving 1 zones on 127\.0\.0\.1:\d+$/)
    t.equal(await heard(/WATCHDOG/), 'WATCHDOG=1')
    t.equal((await ask()).stdout, '127.0.0.1\n')
    t.equal((await ask('+tcp')).stdout, '127.0.0.1\n')

    manager.stdin.write('stop\n')
    t.match(await heard(/STOPPING/), /^STOPPING=1/)
    t.equal(await heard(/ended/), 'ended 0')
    const between = Promise.all([ask(), ask('+tcp')])
    manager.stdin.write('start\n')
    t.match(await heard(/READY/), /^READY=1/)
    t.same(
      (await between).map(({ stdout }) => stdout),
      ['127.0.0.1\n', '127.0.0.1\n'],
      'none was refused, and none lost',
    )
  },
)
