import { execFileSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import t from 'tap'

t.test('packages that node_modules only links to are not replaced, whatever the lock file says', async t => {
  const folder = t.testdir({ shared: { 'a-package': {}, '.installed-lock': 'another lock' }, clone: { bin: {} } })
  const clone = join(folder, 'clone')
  const program = join(clone, 'bin', 'environment.mjs')
  copyFileSync(fileURLToPath(new URL('../../bin/environment.mjs', import.meta.url)), program)
  writeFileSync(join(clone, 'package-lock.json'), '{}')
  symlinkSync(join(folder, 'shared'), join(clone, 'node_modules'))
  // An npm that can be told by its traces.
  mkdirSync(join(folder, 'path'))
  writeFileSync(join(folder, 'path', 'npm'), `#!/bin/sh\ntouch "${join(folder, 'npm-ran')}"\n`, { mode: 0o755 })
  const script = `import(${JSON.stringify(pathToFileURL(program).href)}).then(({ installMissing }) => installMissing())`
  execFileSync(process.execPath, ['-e', script], {
    env: { ...process.env, PATH: `${join(folder, 'path')}:${process.env['PATH']}` },
    stdio: 'ignore',
  })
  t.notOk(existsSync(join(folder, 'npm-ran')))
})
