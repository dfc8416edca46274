/** Makes namestead_VERSION_ARCH.deb for this machine's architecture in the folder given, `.` unless said: `node scripts/package-deb.ts [DIR]`. */
import { spawnSync } from 'node:child_process'
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const PACKAGING = join(ROOT, 'packaging')
/** What Debian calls the architectures that Node knows. */
const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' }

const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string }
const architecture = ARCHITECTURES[process.arch]
if (!architecture) throw new Error(`there is no pinned runtime for ${process.arch}`)
const VALUES: Readonly<Record<string, string>> = {
  VERSION: version,
  ARCHITECTURE: architecture,
  NODE_ARCHITECTURE: process.arch,
}

const stage = mkdtempSync(join(tmpdir(), 'namestead-deb-'))
try {
  chmodSync(stage, 0o755)
  stageProgram(join(stage, 'usr/lib/namestead'))
  put('debian/namestead.sh', 'usr/bin/namestead', 0o755)
  put('debian/sysusers.conf', 'usr/lib/sysusers.d/namestead.conf')
  for (const unit of ['namestead.service', 'namestead.socket']) put(`systemd/${unit}`, `usr/lib/systemd/system/${unit}`)
  put('../LICENSE', 'usr/share/doc/namestead/copyright')
  cpSync(join(ROOT, 'docs'), join(stage, 'usr/share/doc/namestead/docs'), { recursive: true })
  put('debian/control', 'DEBIAN/control')
  for (const script of ['postinst', 'prerm', 'postrm']) put(`debian/${script}`, `DEBIAN/${script}`, 0o755)
  const file = resolve(process.argv[2] ?? '.', `namestead_${version}_${architecture}.deb`)
  run('dpkg-deb', ['--root-owner-group', '-Zgzip', '-z1', '--build', stage, file])
} finally {
  rmSync(stage, { recursive: true, force: true })
}

/** The daemon as JavaScript with its libraries and runtime: what an installed npm package is. */
function stageProgram(folder: string): void {
  mkdirSync(folder, { recursive: true })
  run(process.execPath, [join(ROOT, 'bin', 'build.mjs')])
  for (const part of ['bin', 'dist', 'package.json', 'package-lock.json', '.npmrc'])
    cpSync(join(ROOT, part), join(folder, part), { recursive: true })
  mkdirSync(join(folder, 'config'))
  cpSync(join(ROOT, 'config', 'namestead.schema.json'), join(folder, 'config', 'namestead.schema.json'))
  run('npm', ['ci', '--omit=dev', '--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline'], folder)
}

/** Copies a file of packaging/ into the package, with the values of this build in place of @NAMES@. */
function put(source: string, target: string, mode = 0o644): void {
  const path = join(stage, target)
  mkdirSync(dirname(path), { recursive: true })
  const text = readFileSync(join(PACKAGING, source), 'utf8')
  writeFileSync(
    path,
    text.replace(/@([A-Z_]+)@/g, (_, name: string) => VALUES[name]!),
  )
  chmodSync(path, mode)
}

function run(command: string, args: readonly string[], cwd = ROOT): void {
  const { status, error } = spawnSync(command, args, { cwd, stdio: ['ignore', 'inherit', 'inherit'] })
  if (status !== 0) throw error ?? new Error(`${command} ended with ${status}`)
}
