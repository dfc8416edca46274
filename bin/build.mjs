// `npm pack` runs this: JavaScript in dist/ (or the folder given), because Node strips no types under node_modules. A clone runs its .ts files as they are.
// A few files instead of a thousand: finding and linking modules is most of what a start takes.
import { cpSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { installMissing, ROOT } from './environment.mjs'

installMissing()
const { build } = await import('esbuild')
const outdir = resolve(process.argv[2] ?? join(ROOT, 'dist'))
rmSync(outdir, { recursive: true, force: true })

/** Files that are started by their names: the command line, and those of threads and processes, which lie beside whatever starts them. */
const ENTRIES = {
  'cli/main': 'cli/main.ts',
  'server/serving-thread': 'server/threads/serving-thread.ts',
  'server/storage-thread': 'server/storage/storage-thread.ts',
  'server/load-thread': 'server/zones/load-thread.ts',
  'server/zone-loader-thread': 'server/zones/zone-loader-thread.ts',
  'server/module-process': 'host/pkcs11/module-process.ts',
  'server/pack-thread': 'server/backup/pack-thread.ts',
}

/** What is native, or loads parts of itself by their names. */
const LEFT_ALONE = ['better-sqlite3', 'koffi', 'pino', 'fastify', '@fastify/*', 'prom-client']

await build({
  absWorkingDir: ROOT,
  entryPoints: ENTRIES,
  outdir,
  chunkNames: 'server/[name]-[hash]',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node24',
  external: LEFT_ALONE,
  // For libraries that are written as CommonJS.
  banner: {
    js: "import { createRequire as makeRequire } from 'node:module'; const require = makeRequire(import.meta.url);",
  },
  legalComments: 'eof',
  logLevel: 'warning',
})

// The dashboard, for browsers: all of it in one file, libraries included.
await build({
  absWorkingDir: ROOT,
  entryPoints: ['web/client/main.ts'],
  outfile: join(outdir, 'web', 'client', 'main.js'),
  bundle: true,
  minify: true,
  format: 'esm',
  target: 'es2022',
  legalComments: 'eof',
  logLevel: 'warning',
})
for (const file of ['style.css', 'icon.svg']) cpSync(join(ROOT, 'web', file), join(outdir, 'web', file))
cpSync(join(ROOT, 'node_modules', 'uplot', 'dist', 'uPlot.min.css'), join(outdir, 'web', 'uplot.css'))
