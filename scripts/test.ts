/** Runs every check, then the tests: all of them, or those of the folders named on the command line (`npm test -- zones dns`). */
import { spawnSync } from 'node:child_process'
import { existsSync, globSync } from 'node:fs'
import { delimiter, join } from 'node:path'

const BIN = join('node_modules', '.bin')
const env = { ...process.env, PATH: [BIN, process.env['PATH']].join(delimiter) }
const folders = process.argv.slice(2)

const CHECKS: readonly (readonly [string, ...string[]])[] = [
  ['biome', 'ci', '--reporter=summary'],
  ['tsc', '--project', '.'],
  ['tsc', '--project', 'web/client'],
  ['node', 'scripts/check-imports.ts'],
  ['node', 'scripts/check-standards.ts'],
]

if (folders.length === 0) for (const check of CHECKS) run(check)
run(['tap', `--reporter=${process.env['CI'] ? 'tap' : 'terse'}`, '--jobs=2', ...testFiles()])

function testFiles(): string[] {
  const roots = folders.length > 0 ? folders.map(folder => folder.replace(/^(test\/)?/, 'test/')) : ['test']
  const files = roots.flatMap(root =>
    existsSync(root) && root.endsWith('.ts') ? [root] : globSync(`${root}/**/*.test.ts`),
  )
  if (files.length > 0) return files.sort()
  console.error(`no tests in ${roots.join(', ')}`)
  process.exit(1)
}

function run([command, ...args]: readonly [string, ...string[]]): void {
  const { status, error } = spawnSync(command, args, { stdio: 'inherit', env })
  if (status === 0) return
  console.error(`${command} ${args.slice(0, 3).join(' ')} failed${error ? `: ${error.message}` : ''}`)
  process.exit(1)
}
