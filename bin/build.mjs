// `npm pack` runs this: JavaScript in dist/, because Node strips no types under node_modules. A clone runs its .ts files as they are.
import { spawnSync } from 'node:child_process'
import { cpSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { installMissing, ROOT } from './environment.mjs'

installMissing()
rmSync(join(ROOT, 'dist'), { recursive: true, force: true })
for (const project of ['tsconfig.build.json', 'web/client/tsconfig.build.json']) {
  const options = { cwd: ROOT, stdio: 'inherit' }
  const { status } = spawnSync(join(ROOT, 'node_modules', '.bin', 'tsc'), ['-p', project], options)
  if (status !== 0) process.exit(status ?? 1)
}
for (const file of ['style.css', 'icon.svg']) cpSync(join(ROOT, 'web', file), join(ROOT, 'dist', 'web', file))
