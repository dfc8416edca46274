import { existsSync, mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { run, without } from './tools.ts'

/** A client in Go, from a module in this folder; built once from the Go module proxy and kept in .cache. */
export interface GoClient {
  /** Where the binary is, or will be. */
  binary: string
  /** Why tests with it are skipped; false where they are not. */
  skip: string | false
  /** Empty once it is there, else what the compiler said. */
  build(): Promise<string>
}

/** Compiling what belongs to Kubernetes takes a while. */
const PATIENCE = 600_000

export function goClient(module: string): GoClient {
  const binary = resolve('.cache', module)
  return {
    binary,
    skip: existsSync(binary) ? false : without('go'),
    async build() {
      if (existsSync(binary)) return ''
      mkdirSync('.cache', { recursive: true })
      const cwd = join('test', 'interop', module)
      const built = await run('go', ['build', '-o', binary, '.'], { cwd, timeout: PATIENCE })
      return built.status === 0 ? '' : built.stderr
    },
  }
}
