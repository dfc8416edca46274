#!/usr/bin/env node
// Plain JavaScript for any Node 20 or newer: hands over to the pinned runtime, which runs the .ts files of a clone or the dist/ of the package.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import module from 'node:module'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { ROOT, runtime } from './environment.mjs'

const source = join(ROOT, 'cli', 'main.ts')
const main = existsSync(source) ? source : join(ROOT, 'dist', 'cli', 'main.js')

if (Number(process.versions.node.split('.')[0]) >= 24) {
  // In the service manager's folder for it or beside the packages, where nobody else can put code; without write permission there is just no cache.
  const { directory } = module.enableCompileCache(
    join(process.env.CACHE_DIRECTORY ?? join(ROOT, 'node_modules', '.cache'), 'compile'),
  )
  // Threads know of it by the environment alone.
  if (directory) process.env.NODE_COMPILE_CACHE ??= directory
  const { run } = await import(pathToFileURL(main).href)
  process.exitCode = await run(process.argv.slice(2))
} else {
  const child = spawn(runtime(), [fileURLToPath(import.meta.url), ...process.argv.slice(2)], { stdio: 'inherit' })
  // The child gets the terminal's signals itself; those sent to this process alone are passed on.
  for (const signal of ['SIGTERM', 'SIGHUP', 'SIGINT']) process.on(signal, () => child.kill(signal))
  child.on('exit', (code, signal) => process.exit(signal ? 1 : (code ?? 1)))
}
