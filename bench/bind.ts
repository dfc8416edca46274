/** BIND with one zone that takes signed updates, on the servers' core. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { answering, type Contender, pinned } from './contender.ts'

/** Starts it in `folder`; the zone has ns1 and takes updates signed by the key "bench" (base64). Resolves once it answers. */
export function startBind(
  folder: string,
  port: number,
  { apex, algorithm, secret }: { apex: string; algorithm: string; secret: string },
): Promise<Contender> {
  const path = (name: string) => join(folder, name)
  const records = ['@ IN SOA ns1 hostmaster 1 3600 600 86400 300', '@ IN NS ns1', 'ns1 IN A 127.0.0.1']
  writeFileSync(path('bind.zone'), [`$ORIGIN ${apex}.`, '$TTL 300', ...records, ''].join('\n'))
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
  const zone = `zone "${apex}" { type primary; file "${path('bind.zone')}"; allow-update { key bench; }; }`
  writeFileSync(path('named.conf'), `${key};\noptions { ${options.join('; ')}; };\ncontrols { };\n${zone};\n`)
  const process = pinned(['named', '-f', '-n', '1', '-U', '1', '-c', path('named.conf')])
  return answering({ name: 'BIND', port, process }, `ns1.${apex}`)
}
