import { existsSync, globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import t from 'tap'
import { run, scratch, without } from './tools.ts'

const READER = resolve('.cache', 'manifests')

t.setTimeout(960_000)
t.test(
  'Kubernetes and cert-manager know every field of the manifests',
  { skip: existsSync(READER) ? false : without('go') },
  async t => {
    if (!existsSync(READER)) {
      mkdirSync('.cache', { recursive: true })
      const cwd = join('test', 'interop', 'manifests')
      const built = await run('go', ['build', '-o', READER, '.'], { cwd, timeout: 900_000 })
      t.equal(built.status, 0, built.stderr)
    }
    const manifests = globSync('packaging/kubernetes/*.yaml').sort()
    t.ok(manifests.length > 0)
    const read = await run(READER, manifests)
    t.equal(read.status, 0, read.stdout)

    const [issuer] = manifests.filter(path => path.endsWith('cert-manager-acme.yaml')) as [string]
    const wrong = join(scratch(t), 'wrong.yaml')
    writeFileSync(wrong, readFileSync(issuer, 'utf8').replace('tsigAlgorithm:', 'tsigAlgorithmus:'))
    t.match(await run(READER, [wrong]), { status: 1, stdout: /unknown field "spec\.acme\.\S+\.tsigAlgorithmus"/ })
  },
)
