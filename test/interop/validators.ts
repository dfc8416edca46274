import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import { eventually, freePorts, run, startPeer, stopPeer } from './tools.ts'

/** A signed zone as validators meet it. Anchors are DS records in master file form. */
export interface Judged {
  apex: string
  anchors: readonly string[]
  folder: string
}

/** 'www A' or '@ SOA' below the apex, as arguments of dig and delv. */
function nameOf(apex: string, question: string): [name: string, type: string] {
  const [label, type] = question.split(' ') as [string, string]
  return [label === '@' ? apex : `${label}.${apex}`, type]
}

/** What delv says of the answer that it gets from this port. */
export async function delv({ apex, anchors, folder }: Judged, port: number, question: string): Promise<string> {
  const path = join(folder, 'anchors')
  const keys = anchors.map(ds => {
    const [, tag, algorithm, digestType, digest] = /DS (\d+) (\d+) (\d+) (.+)/.exec(ds)!
    return `"${apex}" static-ds ${tag} ${algorithm} ${digestType} "${digest}";`
  })
  writeFileSync(path, `trust-anchors { ${keys.join(' ')} };\n`)
  const args = ['@127.0.0.1', '-p', String(port), '-a', path, `+root=${apex}`, ...nameOf(apex, question)]
  const { stdout, stderr } = await run('delv', args)
  return stdout + stderr
}

/** unbound as a validator of the zone, which it has from a server on this port or from a file. */
export async function startUnbound(t: Test, { apex, anchors, folder }: Judged, source: number | string) {
  const [port] = (await freePorts(1)) as [number]
  const zone =
    typeof source === 'number'
      ? `stub-zone:\n  name: "${apex}"\n  stub-addr: 127.0.0.1@${source}\n`
      : `auth-zone:\n  name: "${apex}"\n  zonefile: "${source}"\n  for-downstream: no\n  for-upstream: yes\n`
  const config = `server:
  interface: 127.0.0.1@${port}
  do-not-query-localhost: no
  directory: "${folder}"
  chroot: ""
  username: ""
  pidfile: ""
  use-syslog: no
  module-config: "validator iterator"
${anchors.map(ds => `  trust-anchor: "${ds}"`).join('\n')}
remote-control:
  control-enable: no
${zone}`
  const path = join(folder, 'unbound.conf')
  writeFileSync(path, config)
  const child = startPeer(t, 'unbound', ['-d', '-c', path], join(folder, 'unbound.log'))
  const flagsOf = (question: string) => digFlags(port, nameOf(apex, question))
  const up = await eventually(async () => (await flagsOf('@ SOA')).includes('qr'))
  if (!up) throw new Error('unbound did not start')
  return { port, flagsOf, stop: () => stopPeer(child) }
}

/** The flags of the response, `ad` among them where it was validated; else what dig said. */
async function digFlags(port: number, question: readonly string[]): Promise<string> {
  const args = ['@127.0.0.1', '-p', String(port), '+dnssec', '+tries=1', '+time=3', ...question]
  const { stdout } = await run('dig', args)
  return /flags: ([a-z ]+);/.exec(stdout)?.[1] ?? stdout
}
