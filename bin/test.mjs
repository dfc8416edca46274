// `npm test [-- FOLDER…]`: formatting and lint, types, imports, then every test (or those of the folders named).
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { installMissing, ROOT, runtime } from './environment.mjs'

installMissing()
const { status } = spawnSync(runtime(), [join(ROOT, 'scripts', 'test.ts'), ...process.argv.slice(2)], {
  cwd: ROOT,
  stdio: 'inherit',
})
process.exit(status ?? 1)
