import { existsSync, mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { Test } from 'tap'
import { run, without } from '../tools.ts'
import { folderWith, launch, type Peer } from './peer.ts'

const BINARY = resolve('.cache', 'coredns')

/** What `skip` of a test with CoreDNS must be; it is built from the Go module proxy where it has not been yet. */
export function withoutCoredns(...programs: string[]): string | false {
  return existsSync(BINARY) ? without(...programs) : without('go', ...programs)
}

/** Built once; kept in .cache. What went wrong, or nothing. */
export async function buildCoredns(): Promise<string> {
  if (existsSync(BINARY)) return ''
  mkdirSync('.cache', { recursive: true })
  const built = await run('go', ['build', '-o', BINARY, '.'], {
    cwd: join('test', 'interop', 'coredns'),
    timeout: 900_000,
  })
  return built.status === 0 ? '' : built.stderr
}

/** CoreDNS as clusters have it: everything is forwarded to `upstream`, and nothing cached. */
export function startCoredns(t: Test, port: number, upstream: number): Peer {
  const forward = `forward . 127.0.0.1:${upstream} {\n    max_fails 2\n    health_check 0.5s\n  }`
  const folder = folderWith(t, { Corefile: `.:${port} {\n  bind 127.0.0.1\n  errors\n  ${forward}\n}\n` })
  return launch(t, folder, port, [BINARY, '-conf', join(folder, 'Corefile')])
}
