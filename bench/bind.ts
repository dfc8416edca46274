/** BIND with one zone that takes signed updates, on the servers' core. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { answering, type Contender, pinned } from './contender.ts'

/** The zone that BIND has, and who may change it. */
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

/** Starts it in `folder`. Resolves once it answers. */
export function startBind(folder: string, port: number, bound: BindZone): Promise<Contender> {
  const { apex, algorithm, secret, signed = false } = bound
  const path = (name: string) => join(folder, name)
  writeFileSync(path('bind.zone'), updatedZone(bound))
  const options = [
    `directory "${folder}"`,
    `listen-on port ${port} { 127.0.0.1; }`,
    'listen-on-v6 { none; }',
    'recursion no',
    'notify no',
    'pid-file none',
    'session-keyfile none',
  ]
  const key = `key bench { algorithm ${algorithm}; secret "${secret}"; }`
  const signing = signed ? 'dnssec-policy default; ' : ''
  const zone = `zone "${apex}" { type primary; file "${path('bind.zone')}"; ${signing}allow-update { key bench; }; }`
  writeFileSync(path('named.conf'), `${key};\noptions { ${options.join('; ')}; };\ncontrols { };\n${zone};\n`)
  const process = pinned(['named', '-f', '-n', '1', '-U', '1', '-c', path('named.conf')])
  return answering({ name: 'BIND', port, process }, `ns1.${apex}`)
}
