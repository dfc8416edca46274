// Plain JavaScript for any Node 20 or newer: installs what is missing and finds the pinned runtime.
import { spawnSync } from 'node:child_process'
import { existsSync, lstatSync, readFileSync, realpathSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The folder of package.json. */
export const ROOT = dirname(dirname(fileURLToPath(import.meta.url)))

const PACKAGES = join(ROOT, 'node_modules')
const STAMP = join(PACKAGES, '.installed-lock')

/** Installs the packages of the lock file unless they are those that were installed last. Not through a link: `npm ci` would empty somebody else's folder. */
export function installMissing() {
  const lock = readFileSync(join(ROOT, 'package-lock.json'), 'utf8')
  if (existsSync(STAMP) && readFileSync(STAMP, 'utf8') === lock) return
  if (lstatSync(PACKAGES, { throwIfNoEntry: false })?.isSymbolicLink()) {
    process.stderr.write(
      `namestead: node_modules is a link to ${linked()}, whose packages are not those of package-lock.json, and installing would empty that folder: install there, or remove the link\n`,
    )
    process.exit(1)
  }
  process.stderr.write('namestead: installing the packages of package-lock.json …\n')
  // No package needs a script: what is native comes built. From a lock file npm would compile better-sqlite3 all the same, and fail without a compiler.
  const { status } = spawnSync('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: ROOT,
    stdio: ['ignore', 2, 2],
  })
  if (status !== 0) {
    process.stderr.write('namestead: "npm ci" failed; its messages stand above\n')
    process.exit(1)
  }
  writeFileSync(STAMP, lock)
}

function linked() {
  try {
    return realpathSync(PACKAGES)
  } catch {
    return 'nothing'
  }
}

/** The Node that runs the daemon: the one pinned in the lock file, else this one where it is new enough (musl, macOS). */
export function runtime() {
  const require = createRequire(import.meta.url)
  try {
    return join(dirname(require.resolve(`node-linux-${process.arch}/package.json`)), 'bin', 'node')
  } catch {
    if (Number(process.versions.node.split('.')[0]) >= 24) return process.execPath
    process.stderr.write(
      `namestead: no pinned runtime for ${process.platform} ${process.arch}, and this is Node ${process.versions.node}; install Node 24 or newer\n`,
    )
    process.exit(1)
  }
}
