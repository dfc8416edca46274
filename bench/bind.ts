/** BIND with what a comparison needs and nothing of the system's own. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { answering, type Contender, pinned } from './contender.ts'

export interface BindOptions {
  /** Where its configuration and all that it writes goes. */
  folder: string
  port: number
  /** Threads and sockets; left out: as many as it takes by itself. */
  threads?: number
  /** Statements of named.conf: zones, keys and the like. */
  statements: readonly string[]
  /** Statements within `options`. */
  options?: readonly string[]
}

/** Writes its configuration; returns how it is started. */
export function bindCommand({ folder, port, threads, statements, options = [] }: BindOptions): string[] {
  const file = join(folder, 'named.conf')
  const all = [
    `directory "${folder}"`,
    `listen-on port ${port} { 127.0.0.1; }`,
    ...['listen-on-v6 { none; }', 'recursion no', 'notify no', 'pid-file none', 'session-keyfile none'],
    ...options,
  ]
  writeFileSync(file, [`options { ${all.join('; ')}; }`, 'controls { }', ...statements, ''].join(';\n'))
  const limits = threads === undefined ? [] : ['-n', String(threads), '-U', String(threads)]
  return ['named', '-f', ...limits, '-c', file]
}

/** A zone that BIND takes signed updates of, and who may change it. */
export interface BindZone {
  apex: string
  /** Of the key "bench". */
  algorithm: string
  /** In base64. */
  secret: string
  /** How many names, h0 and so on, have an address besides ns1; left out: none. */
  names?: number
  /** Whether BIND signs it as it goes. */
  signed?: boolean
}

/** The zone's master file. */
export function updatedZone({ apex, names = 0 }: Pick<BindZone, 'apex' | 'names'>): string {
  const hosts = Array.from({ length: names }, (_, i) => `h${i} IN A 192.0.2.1`)
  const records = ['@ IN SOA ns1 hostmaster 1 3600 600 86400 300', '@ IN NS ns1', 'ns1 IN A 127.0.0.1', ...hosts]
  return [`$ORIGIN ${apex}.`, '$TTL 300', ...records, ''].join('\n')
}

/** Starts it in `folder` with such a zone, on the servers' core. Resolves once it answers. */
export function startBind(folder: string, port: number, bound: BindZone): Promise<Contender> {
  const { apex, algorithm, secret, signed = false } = bound
  const zone = join(folder, 'bind.zone')
  writeFileSync(zone, updatedZone(bound))
  const signing = signed ? 'dnssec-policy default; ' : ''
  const statements = [
    `key bench { algorithm ${algorithm}; secret "${secret}"; }`,
    `zone "${apex}" { type primary; file "${zone}"; ${signing}allow-update { key bench; }; }`,
  ]
  const process = pinned(bindCommand({ folder, port, threads: 1, statements }))
  return answering({ name: 'BIND', port, process }, `ns1.${apex}`)
}
