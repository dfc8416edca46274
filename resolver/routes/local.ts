import { Class } from '../../dns/codes.ts'
import type { Question } from '../../dns/message.ts'
import { parseName, ROOT } from '../../dns/name.ts'
import type { ResourceRecord } from '../../dns/record.ts'
import { makeRdata, Type } from '../../dns/types.ts'

const SIX_DAYS = 518_400

/** The root's name servers as the root zone has them: a.root-servers.net to m.root-servers.net. */
const ROOT_SERVERS: readonly ResourceRecord[] = Array.from('abcdefghijklm', letter => ({
  owner: ROOT,
  type: Type.NS,
  class: Class.IN,
  ttl: SIX_DAYS,
  rdata: makeRdata('NS', { host: parseName(`${letter}.root-servers.net.`) }),
}))

/** The answer to `. NS`, known without asking anybody: forwarders ask it to see whether we live, when our upstreams may not. */
export function localAnswer({ name, type, class: qclass }: Question): readonly ResourceRecord[] | undefined {
  return name.length === 1 && type === Type.NS && qclass === Class.IN ? ROOT_SERVERS : undefined
}
