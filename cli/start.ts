import { existsSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import type { Command } from 'commander'
import { readConfig } from './config-file.ts'
import type { FirstConfig } from './first-config.ts'
import { printFirstZone } from './first-zone.ts'
import { firstFiles, HIGH_PORTS, writeFirst } from './init.ts'
import type { Status } from './replies.ts'
import { systemResolvers } from './resolvers.ts'
import { runDaemon } from './serve.ts'
import type { Terminal } from './terminal.ts'

/** The domain of the demo: reserved for documentation (RFC 2606 §3), so it is nobody's. */
const DOMAIN = 'internal.example.com'

/** `start`: what `npm start` runs: a daemon on loopback with a demo zone in two views and a CA, all under ./data. */
export function addStart(program: Command, terminal: Terminal): void {
  program
    .command('start')
    .description('run a demo on loopback: two views of a zone, a fresh CA, all under ./data, kept from run to run')
    .action(async () => {
      const directory = resolve(terminal.cwd, 'data')
      const configFile = join(directory, 'namestead.yaml')
      if (!existsSync(configFile)) writeDemo(directory)
      readConfig(configFile, terminal)
      await runDaemon(configFile, status => terminal.err(printBanner(status, relative(terminal.cwd, directory))))
    })
}

/** Writes the config and the zones of the demo. */
export function writeDemo(directory: string): void {
  const first: FirstConfig = {
    domain: DOMAIN,
    address: '127.0.0.1',
    ports: { ...HIGH_PORTS, address: ['127.0.0.1'] },
    caUrl: `https://localhost:${HIGH_PORTS.https}`,
    caHttpUrl: `http://localhost:${HIGH_PORTS.http}`,
    nameConstraints: [DOMAIN, 'localhost'],
    dataDir: './state',
    forwardTo: systemResolvers(),
    outside: true,
  }
  writeFirst(directory, first, [
    ...firstFiles(first, ['www       IN A    192.0.2.10']),
    {
      path: `zones/${DOMAIN}.outside.zone`,
      content: printFirstZone(DOMAIN, '127.0.0.1', ['www       IN A    198.51.100.10']),
    },
  ])
}

/** What a newcomer pastes first. Every line works as it stands. */
export function printBanner(status: Status, directory: string): string {
  const listen = (name: string) => status.listen[name]?.join(', ') ?? 'off'
  const port = status.listen['dns']?.[0]?.split(':').at(-1) ?? '53'
  const config = join(directory, 'namestead.yaml')
  const root = join(directory, 'root.pem')
  const update = `server 127.0.0.1 ${port}\\nzone ${DOMAIN}\\nupdate add hello.apps.${DOMAIN} 60 A 192.0.2.77\\nsend\\n`
  return `
  namestead ${status.version} is ready; config in ${config}, Ctrl-C stops it

    DNS      ${listen('dns')} (UDP and TCP), ${listen('dot')} (TLS)
    ACME     ${status.ca?.directory ?? 'off'}
    metrics  ${listen('metrics')}
    root     SHA-256 ${status.ca?.root_sha256 ?? 'none'}

  Ask it, change it, get a certificate from it:

    dig @127.0.0.1 -p ${port} www.${DOMAIN}
    printf '${update}' | nsupdate -k ${join(directory, 'keys', 'externaldns.key')}
    npx namestead ca roots --config ${config} --out ${root} && ${printLego(status, port, directory)}

`
}

function printLego(status: Status, port: string, directory: string): string {
  const key = `$(sed -n 's/.*secret "\\(.*\\)".*/\\1/p' ${join(directory, 'keys', 'certmanager.key')})`
  return [
    `LEGO_CA_CERTIFICATES=${join(directory, 'root.pem')}`,
    `RFC2136_NAMESERVER=127.0.0.1:${port} RFC2136_TSIG_ALGORITHM=hmac-sha256. RFC2136_TSIG_KEY=certmanager. RFC2136_TSIG_SECRET="${key}"`,
    `lego --accept-tos --email you@${DOMAIN} --server ${status.ca?.directory ?? ''} --path ${join(directory, 'lego')}`,
    `--dns rfc2136 --dns.resolvers 127.0.0.1:${port} --dns.disable-cp -d app.${DOMAIN} run`,
  ].join(' ')
}
