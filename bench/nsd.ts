/** NSD with one zone and nothing of the system's own. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

export interface NsdOptions {
  folder: string
  apex: string
  /** The zone's file. */
  zone: string
  port: number
  threads: number
  /** DNS over TLS, with what it shows for itself. */
  tls?: { port: number; certificate: string; key: string }
}

/** Writes its configuration; returns how it is started. Whoever asks from here may have the whole zone. */
export function nsdCommand({ folder, apex, zone, port, threads, tls }: NsdOptions): string[] {
  const lines = [
    'server:',
    `  server-count: ${threads}`,
    `  ip-address: 127.0.0.1@${port}`,
    ...(tls
      ? [
          `  ip-address: 127.0.0.1@${tls.port}`,
          `  tls-port: ${tls.port}`,
          `  tls-service-pem: "${tls.certificate}"`,
          `  tls-service-key: "${tls.key}"`,
        ]
      : []),
    // On by default where it is built in, and would stop what is measured.
    '  rrl-ratelimit: 0',
    '  username: ""',
    '  chroot: ""',
    `  zonesdir: "${folder}"`,
    '  database: ""',
    '  zonelistfile: ""',
    '  xfrdfile: ""',
    `  xfrdir: "${folder}"`,
    `  pidfile: "${join(folder, 'pid')}"`,
    'remote-control:',
    '  control-enable: no',
    'zone:',
    `  name: ${apex}`,
    `  zonefile: "${zone}"`,
    '  provide-xfr: 127.0.0.1 NOKEY',
  ]
  const file = join(folder, 'nsd.conf')
  writeFileSync(file, `${lines.join('\n')}\n`)
  return ['nsd', '-d', '-c', file]
}
