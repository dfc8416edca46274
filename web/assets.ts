import { createHash } from 'node:crypto'
import { globSync, readFileSync } from 'node:fs'
import { createRequire, stripTypeScriptTypes } from 'node:module'
import { dirname, extname, join } from 'node:path'
import { gzipSync } from 'node:zlib'

/** A file that browsers are given. */
export interface Asset {
  type: string
  body: Buffer
  gzip: Buffer
}

/** All files of the dashboard by their paths, under a prefix that changes whenever one of them does, so that each may be kept for ever. */
export interface Assets {
  prefix: string
  files: ReadonlyMap<string, Asset>
  /** The paths of our own modules; the first is where it begins. */
  modules: readonly string[]
  /** The paths of libraries by the names that modules import them by. */
  imports: Readonly<Record<string, string>>
}

const JAVASCRIPT = 'text/javascript; charset=utf-8'
/** In the repository this folder; in the package what `bin/build.mjs` has made of it, beside the folder of our bundle. */
const HERE = join(import.meta.dirname, '..', 'web')
/** In the package types are stripped already, and the client with its libraries is one file. */
const IS_SOURCE = extname(import.meta.url) === '.ts'

/** The libraries that the client imports by name, and nothing else of them. */
const LIBRARIES: Readonly<Record<string, { path: string; file: string; suffix?: string }>> = {
  preact: { path: 'lib/preact.js', file: 'preact/dist/preact.mjs' },
  'preact/hooks': { path: 'lib/hooks.js', file: 'preact/hooks/dist/hooks.mjs' },
  // Made for script tags: a third of the size of the module.
  uplot: { path: 'lib/uplot.js', file: 'uplot/dist/uPlot.iife.min.js', suffix: 'export default uPlot' },
}

/** Reads the files, and compresses them. */
export function readAssets(): Assets {
  const libraries = IS_SOURCE ? Object.entries(LIBRARIES) : []
  const main = `client/main${extname(import.meta.url)}`
  const modules = [...new Set([main, ...globSync(`client/**/*${extname(main)}`, { cwd: HERE }).sort()])]
  const files = new Map<string, Asset>([
    ...libraries.map(([, { path, file, suffix = '' }]) => [path, library(file, suffix)] as const),
    ...modules.map(path => [path, asset(JAVASCRIPT, readModule(path))] as const),
    [
      'uplot.css',
      asset('text/css; charset=utf-8', IS_SOURCE ? readLibrary('uplot/dist/uPlot.min.css') : read('uplot.css')),
    ],
    ['style.css', asset('text/css; charset=utf-8', read('style.css'))],
    ['icon.svg', asset('image/svg+xml', read('icon.svg'))],
  ])
  const prefix = `/assets/${digestOf(files)}/`
  return { prefix, files, modules, imports: Object.fromEntries(libraries.map(([name, { path }]) => [name, path])) }
}

function asset(type: string, text: string): Asset {
  const body = Buffer.from(text)
  return { type, body, gzip: gzipSync(body, { level: 9 }) }
}

function read(file: string): string {
  return readFileSync(join(HERE, file), 'utf8')
}

function readModule(path: string): string {
  return IS_SOURCE ? squeeze(strip(read(path))) : read(path)
}

/** Node runs our own code so without a word; of the function by which it does it warns once, since that may still change. */
function strip(text: string): string {
  const { emitWarning } = process
  process.emitWarning = () => {}
  try {
    return stripTypeScriptTypes(text)
  } finally {
    process.emitWarning = emitWarning
  }
}

/** Without comments, empty lines, and the spaces of indentation and of types, which half of it is; our client has no text with lines or runs of spaces. */
function squeeze(text: string): string {
  return text
    .replace(/^\s*(\/\*\*[\s\S]*?\*\/|\/\/.*)$/gm, '')
    .replace(/^\s+|[ \t]+$/gm, '')
    .replace(/ {2,}/g, ' ')
    .replace(/ (?=[,;)])/g, '')
}

function library(file: string, suffix: string): Asset {
  const text = readLibrary(file).replace(/\n\/\/# sourceMappingURL=.*\s*$/, '')
  return asset(JAVASCRIPT, `${text}\n${suffix}`)
}

/** Past the package's list of exports, which does not name its files. */
function readLibrary(file: string): string {
  const [name] = file.split('/')
  const folder = dirname(createRequire(import.meta.url).resolve(`${name}/package.json`))
  return readFileSync(join(folder, file.slice(name!.length + 1)), 'utf8')
}

function digestOf(files: ReadonlyMap<string, Asset>): string {
  const hash = createHash('sha256')
  for (const [path, { body }] of files) hash.update(`${path}\0${body.length}\0`).update(body)
  return hash.digest('hex').slice(0, 16)
}
