import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import type { Test } from 'tap'
import { SECRETS } from '../daemon.ts'
import { type Ran, run } from '../tools.ts'
import { type Files, folderWith, launch, type Peer } from './peer.ts'

/** What a PowerDNS of a test does. */
export interface PdnsOptions {
  port: number
  /** Commands for pdnsutil before it starts, one a line. */
  setup: string
  files?: Files
}

/** A PowerDNS that takes commands. */
export interface Pdns extends Peer {
  util(command: string): Promise<Ran>
}

/** Where Debian's pdns-backend-sqlite3 has its tables. */
const SCHEMA = '/usr/share/pdns-backend-sqlite3/schema/schema.sqlite3.sql'

/** Why tests with PowerDNS are to be skipped, beside that a program lacks. */
export function withoutPdns(): string | false {
  return process.env['INTEROP'] !== 'required' && !existsSync(SCHEMA) && 'needs pdns-backend-sqlite3'
}

/** pdns_server on a loopback port, with zones in SQLite and the key `xfr`. */
export async function startPdns(t: Test, { port, setup, files = {} }: PdnsOptions): Promise<Pdns> {
  const folder = folderWith(t, files)
  const database = new Database(join(folder, 'pdns.db'))
  database.exec(readFileSync(SCHEMA, 'utf8'))
  database.close()
  const config = `launch=gsqlite3
gsqlite3-database=${folder}/pdns.db
gsqlite3-pragma-synchronous=0
local-address=127.0.0.1
local-port=${port}
socket-dir=${folder}
primary=yes
secondary=yes
xfr-cycle-interval=1
only-notify=127.0.0.1
allow-axfr-ips=
cache-ttl=0
query-cache-ttl=0
negquery-cache-ttl=0
zone-cache-refresh-interval=0
zone-metadata-cache-ttl=0
`
  writeFileSync(join(folder, 'pdns.conf'), config)
  const util = (command: string) => run('pdnsutil', [`--config-dir=${folder}`, ...command.split(' ')], { cwd: folder })
  for (const command of [`import-tsig-key xfr hmac-sha256 ${SECRETS.xfr}`, ...setup.trim().split('\n')]) {
    const { status, stderr } = await util(command.trim())
    if (status !== 0) throw new Error(`pdnsutil ${command}: ${stderr}`)
  }
  const args = [`--config-dir=${folder}`, '--guardian=no', '--daemon=no', '--disable-syslog', '--loglevel=6']
  return { ...launch(t, folder, port, ['pdns_server', ...args]), util }
}
