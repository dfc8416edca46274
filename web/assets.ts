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
}

const JAVASCRIPT = 'text/javascript; charset=utf-8'
const CSS = 'text/css; charset=utf-8'
const SVG = 'image/svg+xml'
const HERE = import.meta.dirname
/** `.ts` in the repository, `.js` in the package. */
const EXTENSION = extname(import.meta.url)
/** Where the client's own code begins. */
const MAIN = `client/main${EXTENSION}`

/** The libraries that the client imports by name, and nothing else of them. */
export const LIBRARIES: Readonly<Record<string, { path: string; file: string; suffix?: string }>> = {
  preact: { path: 'lib/preact.js', file: 'preact/dist/preact.mjs' },
  'preact/hooks': { path: 'lib/hooks.js', file: 'preact/hooks/dist/hooks.mjs' },
  // Made for script tags: a third of the size of the module.
  uplot: { path: 'lib/uplot.js', file: 'uplot/dist/uPlot.iife.min.js', suffix: 'export default uPlot' },
}

/** Reads the files once. */
export function readAssets(): Assets {
  const files = new Map<string, Asset>()
  const add = (path: string, type: string, text: string) => {
    const body = Buffer.from(text)
    files.set(path, { type, body, gzip: gzipSync(body, { level: 9 }) })
  }
  for (const { path, file, suffix = '' } of Object.values(LIBRARIES))
    add(path, JAVASCRIPT, `${withoutSourceMap(readLibrary(file))}\n${suffix}`)
  add('uplot.css', CSS, readLibrary('uplot/dist/uPlot.min.css'))
  add('style.css', CSS, readFileSync(join(HERE, 'style.css'), 'utf8'))
  add('icon.svg', SVG, readFileSync(join(HERE, 'icon.svg'), 'utf8'))
  const modules = globSync(`client/**/*${EXTENSION}`, { cwd: HERE }).sort()
  for (const path of modules) add(path, JAVASCRIPT, readModule(path))
  return {
    prefix: `/assets/${digestOf(files)}/`,
    files,
    modules: [MAIN, ...modules.filter(path => path !== MAIN)],
  }
}

/** The types stripped, as Node itself does with our own code; in the package they are gone already. */
function readModule(path: string): string {
  const text = readFileSync(join(HERE, path), 'utf8')
  return squeeze(EXTENSION === '.ts' ? strip(text) : text)
}

/** Without comments, indentation and empty lines, which a third of it is; our client has no text that spans lines. */
function squeeze(text: string): string {
  return text.replace(/^\s*(\/\*\*[\s\S]*?\*\/|\/\/.*)$/gm, '').replace(/^\s+|[ \t]+$/gm, '')
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

const require = createRequire(import.meta.url)

/** Past the package's list of exports, which does not name its files. */
function readLibrary(file: string): string {
  const [name] = file.split('/')
  const folder = dirname(require.resolve(`${name}/package.json`))
  return readFileSync(join(folder, file.slice(name!.length + 1)), 'utf8')
}

function withoutSourceMap(text: string): string {
  return text.replace(/\n\/\/# sourceMappingURL=.*\s*$/, '')
}

function digestOf(files: ReadonlyMap<string, Asset>): string {
  const hash = createHash('sha256')
  for (const [path, { body }] of files) hash.update(`${path}\0${body.length}\0`).update(body)
  return hash.digest('hex').slice(0, 16)
}
