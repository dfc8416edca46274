import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import { Flag, Rcode, rcodeName } from '../../../dns/codes.ts'
import { parseMessage } from '../../../dns/message.ts'
import { parseName, ROOT } from '../../../dns/name.ts'
import { parseRdataText, Type, typeCode } from '../../../dns/types.ts'
import { systemClock } from '../../../host/clock.ts'
import { silentLog } from '../../../host/log.ts'
import { systemRandom } from '../../../host/random.ts'
import { systemNetwork } from '../../../host/system-network.ts'
import { createResolver, type Resolver } from '../../../resolver/resolver.ts'
import { queryWire } from '../../zones/ask.ts'
import { Pipeline } from '../differential/peers.ts'
import { eventually, run, startPeer } from '../tools.ts'
import type { Laboratory } from './laboratory.ts'

/** Our resolver in front of an upstream, beginning with the laboratory's anchor; with stub zones that it asks as an authority. */
export function ourResolver(
  t: Test,
  port: number,
  { anchor }: Pick<Laboratory, 'anchor'>,
  stubs: readonly string[] = [],
): Resolver {
  const text = anchor.replace(/^\S+ IN DS /, '')
  const resolver = createResolver({
    rules: [{ zone: ROOT, to: [{ transport: 'udp', address: '127.0.0.1', port }], dnssec: 'validate' }],
    stubs: stubs.map(zone => ({ zone: parseName(zone), to: [{ address: '127.0.0.1', port }] })),
    ...{ network: systemNetwork, clock: systemClock, random: systemRandom, log: silentLog },
    trust: { anchors: [{ zone: ROOT, type: Type.DS, rdata: parseRdataText(Type.DS, text) }], negative: [] },
  })
  t.teardown(() => resolver.close())
  return resolver
}

/** What ours makes of a question, and why. */
export async function askUs(resolver: Resolver, name: string, type: string) {
  const question = { name: parseName(name), type: typeCode(type)!, class: 1 }
  const { rcode, ad, ede, security, answer } = await resolver.resolve(question, { dnssecOk: true })
  const redirected = answer.some(record => record.type === Type.DNAME)
  return { status: statusOf(rcode, ad), why: ede?.text ?? security?.reason ?? '', redirected }
}

/** What unbound makes of it. */
export async function askUnbound(pipeline: Pipeline, name: string, type: string): Promise<string> {
  const wire = queryWire(parseName(name), typeCode(type)!, { udpSize: 4096, dnssecOk: true })
  const { rcode, flags } = parseMessage(await pipeline.ask(wire))
  return statusOf(rcode, (flags & Flag.AD) !== 0)
}

function statusOf(rcode: number, ad: boolean): string {
  if (rcode === Rcode.SERVFAIL) return 'SERVFAIL'
  return `${rcodeName(rcode)} ${ad ? 'secure' : 'insecure'}`
}

/** delv of BIND, which validates what an authority says by itself. */
export function openDelv(folder: string, port: number, { anchor }: Pick<Laboratory, 'anchor'>) {
  const anchors = join(folder, 'delv.anchors')
  const [, tag, algorithm, digest, hash] = / DS (\d+) (\d+) (\d+) (\S+)$/.exec(anchor)!
  writeFileSync(anchors, `trust-anchors { "." static-ds ${tag} ${algorithm} ${digest} "${hash}"; };\n`)
  return async (name: string, type: string): Promise<string> => {
    const asked = ['@127.0.0.1', '-p', String(port), '-a', anchors, '+root=.', name, type]
    const { stdout, stderr } = await run('delv', asked)
    if (stdout.includes('; fully validated')) return 'NOERROR secure'
    if (stdout.includes('; unsigned answer')) return 'NOERROR insecure'
    return `SERVFAIL${stderr.includes('resolution failed') ? '' : stderr}`
  }
}

/** unbound, validating, in front of the same upstream. */
export function startUnbound(
  t: Test,
  folder: string,
  port: number,
  upstream: number,
  { anchor }: Pick<Laboratory, 'anchor'>,
): void {
  writeFileSync(join(folder, 'root.ds'), `${anchor}\n`)
  const config = `server:
  interface: 127.0.0.1@${port}
  directory: "${folder}"
  username: ""
  chroot: ""
  pidfile: ""
  use-syslog: no
  num-threads: 1
  do-not-query-localhost: no
  module-config: "validator iterator"
  trust-anchor-file: "${join(folder, 'root.ds')}"
  trust-anchor-signaling: no
  aggressive-nsec: no
  local-zone: "test." nodefault
  incoming-num-tcp: 20
remote-control:
  control-enable: no
forward-zone:
  name: "."
  forward-addr: 127.0.0.1@${upstream}
`
  const path = join(folder, 'unbound.conf')
  writeFileSync(path, config)
  startPeer(t, 'unbound', ['-d', '-c', path], join(folder, 'unbound.log'))
}

/** A connection to unbound, once it has an answer to `name` and A. */
export async function openUnbound(t: Test, port: number, name: string): Promise<Pipeline> {
  const answers = async () => {
    const { stdout } = await run('dig', ['@127.0.0.1', '-p', String(port), '+tcp', '+tries=1', '+time=2', name, 'A'])
    return stdout.includes('status: NOERROR')
  }
  t.ok(await eventually(answers), 'unbound answers')
  const pipeline = await Pipeline.open(port)
  t.teardown(() => pipeline.close())
  return pipeline
}
