// `npm pack` runs this: JavaScript in dist/, because Node strips no types under node_modules. A clone runs its .ts files as they are.
import { spawnSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { installMissing, ROOT } from './environment.mjs'

installMissing()
rmSync(join(ROOT, 'dist'), { recursive: true, force: true })
const { status } = spawnSync(join(ROOT, 'node_modules', '.bin', 'tsc'), ['-p', 'tsconfig.build.json'], {
  cwd: ROOT,
  stdio: 'inherit',
})
process.exit(status ?? 1)
