import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { loadLibc } from '../../server/listen/libc.ts'

const SCRIPT = fileURLToPath(new URL('../../scripts/soak-batches.ts', import.meta.url))
const HEAP = ['--expose-gc', '--max-old-space-size=48', '--max-semi-space-size=1']

t.test(
  'batches keep their memory while the collector is at work',
  { skip: loadLibc() ? false : 'no batches here' },
  async t => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [...HEAP, SCRIPT, '--datagrams', '20000'], {
      encoding: 'utf8',
    })
    t.match(stdout, '20000 datagrams came back as they should')
    t.equal(status, 0, stderr)
  },
)
