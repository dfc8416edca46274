import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import { SECRETS } from '../daemon.ts'
import { type Files, folderWith, launch, type Peer } from './peer.ts'

/** What a Knot of a test does. */
export interface KnotOptions {
  port: number
  /** We: `we` with the key `xfr`, and `told` without one. */
  we?: number
  /** Sections of knot.conf after `remote`, `acl` and `template`. */
  sections: string
  /** Lines of the default template. */
  template?: string
  files?: Files
}

/** knotd, on a loopback port. Its access lists are `all`, for the key `xfr`, and `told`, for NOTIFY from us. */
export function startKnot(t: Test, { port, we, sections, template = '', files = {} }: KnotOptions): Peer {
  const folder = folderWith(t, files)
  const path = join(folder, 'knot.conf')
  const remotes = `remote:
  - id: we
    address: 127.0.0.1@${we}
    key: xfr
  - id: told
    address: 127.0.0.1@${we}
acl:
  - id: all
    key: xfr
    action: [transfer, update]
  - id: told
    address: 127.0.0.1
    action: notify
`
  const config = `server:
    listen: 127.0.0.1@${port}
    rundir: "${folder}"
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
database:
    storage: "${folder}"
log:
  - target: stderr
    any: info
key:
  - id: xfr
    algorithm: hmac-sha256
    secret: ${SECRETS.xfr}
${we === undefined ? '' : remotes}template:
  - id: default
    storage: "${folder}"
${template}
${sections}
`
  writeFileSync(path, config)
  return launch(t, folder, port, ['knotd', '-c', path])
}
