/** What installs the packages, and when it does not. */
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { PLAIN_NODE } from '../interop/tools.ts'
import { scratchFolder } from '../scratch.ts'

const [COMMAND, ...PLAIN] = PLAIN_NODE as readonly [string, ...string[]]
const ROOT = fileURLToPath(new URL('../..', import.meta.url))

t.test('packages that a link leads to are left alone', async t => {
  const folder = scratchFolder(t)
  const elsewhere = join(folder, 'elsewhere')
  const clone = join(folder, 'clone')
  mkdirSync(elsewhere)
  mkdirSync(clone)
  writeFileSync(join(elsewhere, 'kept'), '')
  for (const part of ['bin', 'package.json', 'package-lock.json'])
    cpSync(join(ROOT, part), join(clone, part), { recursive: true })
  symlinkSync(elsewhere, join(clone, 'node_modules'))
  for (const script of ['start.mjs', 'test.mjs', 'build.mjs']) {
    const { status, stderr } = spawnSync(COMMAND, [...PLAIN, join(clone, 'bin', script)], { encoding: 'utf8' })
    t.equal(status, 1, script)
    t.match(stderr, /^namestead: node_modules is a link to \S+elsewhere, .* install there, or remove the link\n$/)
  }
  t.strictSame(readdirSync(elsewhere), ['kept'])
})

t.test('packages are installed without their scripts: neither compiler nor Python is needed', async t => {
  const folder = scratchFolder(t)
  for (const part of ['bin', 'package.json', 'package-lock.json'])
    cpSync(join(ROOT, part), join(folder, part), { recursive: true })
  const told = join(folder, 'told')
  mkdirSync(join(folder, 'path'))
  writeFileSync(join(folder, 'path', 'npm'), `#!/bin/sh\necho "$@" > ${told}; mkdir -p node_modules; exit 1\n`, {
    mode: 0o755,
  })
  const env = { ...process.env, PATH: `${join(folder, 'path')}:${process.env['PATH']}` }
  const { status, stderr } = spawnSync(COMMAND, [...PLAIN, join(folder, 'bin', 'start.mjs')], { encoding: 'utf8', env })
  t.equal(status, 1)
  t.match(stderr, /"npm ci" failed/)
  t.match(readFileSync(told, 'utf8'), /^ci --ignore-scripts /)
})
