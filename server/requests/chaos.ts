import type { Config } from '../../config/schema.ts'
import { Class } from '../../dns/codes.ts'
import { equalNames, parseName } from '../../dns/name.ts'
import type { Query } from '../../dns/query.ts'
import type { ResponseWriter } from '../../dns/response.ts'
import { makeRdata, Type } from '../../dns/types.ts'
import { nameOf } from './query.ts'

/** What we tell about ourselves in class CHAOS. */
export type ChaosConfig = Config['chaos']

const VERSION = ['version.bind.', 'version.server.'].map(name => parseName(name))
/** RFC 4892 §3: who answers, where several servers have one address. */
const IDENTITY = ['hostname.bind.', 'id.server.'].map(name => parseName(name))

/** Answers a question about the server itself (RFC 4892) into `response`, which has begun; false where that is nobody's business. */
export function answerChaos(query: Query, chaos: ChaosConfig, identity: Uint8Array, response: ResponseWriter): boolean {
  if (query.qclass !== Class.CH || query.qtype !== Type.TXT) return false
  const name = nameOf(query)
  const asked = (names: typeof VERSION): boolean => names.some(one => equalNames(one, name))
  const said = asked(VERSION)
    ? chaos.version
    : chaos.identity && asked(IDENTITY)
      ? Buffer.from(identity).toString('latin1')
      : undefined
  if (said === undefined) return false
  response.authoritative = true
  return response.records(name, Type.TXT, 0, [makeRdata('TXT', { strings: [Buffer.from(said)] })], Class.CH)
}
