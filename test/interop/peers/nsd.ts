import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import { SECRETS } from '../daemon.ts'
import { type Files, folderWith, launch, type Peer, type Place } from './peer.ts'

/** What an NSD of a test does. */
export interface NsdOptions extends Place {
  port: number
  /** Clauses of nsd.conf: `zone:` and others. */
  clauses: string
  files?: Files
}

/** nsd, on a loopback port, with the key `xfr`. */
export function startNsd(t: Test, { port, address = '127.0.0.1', within, clauses, files = {} }: NsdOptions): Peer {
  const folder = folderWith(t, files)
  const path = join(folder, 'nsd.conf')
  const config = `server:
  ip-address: ${address}@${port}
  server-count: 1
  username: ""
  chroot: ""
  database: ""
  pidfile: ${folder}/nsd.pid
  xfrdfile: ${folder}/xfrd.state
  xfrdir: ${folder}
  zonelistfile: ${folder}/zone.list
  zonesdir: ${folder}
  rrl-ratelimit: 0
remote-control:
  control-enable: no
key:
  name: xfr
  algorithm: hmac-sha256
  secret: "${SECRETS.xfr}"
${clauses}
`
  writeFileSync(path, config)
  return launch(t, folder, port, ['nsd', '-d', '-c', path], within)
}
