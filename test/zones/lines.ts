import { Class, classCode, Opcode, type Rcode } from '../../dns/codes.ts'
import { RcodeError } from '../../dns/errors.ts'
import type { Message } from '../../dns/message.ts'
import { parseName, printName } from '../../dns/name.ts'
import type { ResourceRecord, RRset } from '../../dns/record.ts'
import { parseRdataText, printRecord, typeCode } from '../../dns/types.ts'
import { applyToRecords, rrsetKey } from '../../zones/change.ts'
import type { ZoneContents } from '../../zones/draft.ts'
import { applyUpdate, type UpdateOutcome } from '../../zones/update/update.ts'

/** The zone of the tests: what most rules need, once. */
export const ORIGIN = parseName('a.example.')
export const SOA = '@ 300 IN SOA ns hostmaster 10 3600 600 86400 60'
export const NS = '@ 300 IN NS ns'

/** "owner TTL CLASS TYPE [RDATA]", relative to `ORIGIN`, as it lies in a message: class ANY and NONE, no data, any TTL. */
export function record(line: string): ResourceRecord {
  const [, owner, ttl, rrclass, type, text] = /^(\S+) (\d+) (\S+) (\S+) ?(.*)$/.exec(line)!
  const code = typeCode(type!)!
  const rdata = text ? parseRdataText(code, text, ORIGIN) : new Uint8Array()
  const name = owner === '@' ? ORIGIN : parseName(owner!, ORIGIN)
  return { owner: name, ttl: Number(ttl), class: classCode(rrclass!)!, type: code, rdata }
}

export const records = (lines: readonly string[]) => lines.map(record)

/** The records as sorted lines, absolute. */
export const lines = (all: Iterable<ResourceRecord>) => [...all].map(printRecord).sort()

/** Records as a zone version shows them. */
export function contentsOf(all: Iterable<ResourceRecord>): ZoneContents {
  const rrsets = new Map<string, RRset>()
  for (const { owner, type, ttl, rdata } of all) {
    const key = rrsetKey(owner, type)
    const rrset = rrsets.get(key) ?? { owner, type, ttl, rdatas: [] }
    rrset.rdatas.push(rdata)
    rrsets.set(key, rrset)
  }
  const list = [...rrsets.values()]
  return {
    rrset: (owner, type) => rrsets.get(rrsetKey(owner, type)),
    typesAt: owner => list.filter(one => printName(one.owner) === printName(owner).toLowerCase()).map(one => one.type),
  }
}

/** An UPDATE message for the tests' zone. */
export function updateMessage(parts: {
  zone?: Message['question']
  prerequisites?: readonly string[]
  updates?: readonly string[]
}): Message {
  return {
    id: 1,
    flags: 0,
    opcode: Opcode.UPDATE,
    rcode: 0,
    question: parts.zone ?? [{ name: ORIGIN, type: typeCode('SOA')!, class: Class.IN }],
    answer: records(parts.prerequisites ?? []),
    authority: records(parts.updates ?? []),
    additional: [],
  }
}

/** What an update makes of a zone with SOA, NS and `zone`: the RCODE and the zone's lines, SOA and NS of the apex apart. */
export function updated(zone: readonly string[], updates: readonly string[], prerequisites: readonly string[] = []) {
  const before = records([SOA, NS, ...zone])
  try {
    const outcome = applyUpdate(contentsOf(before), ORIGIN, updateMessage({ prerequisites, updates }))
    return { rcode: 0, ...described(before, outcome) }
  } catch (error) {
    if (!(error instanceof RcodeError)) throw error
    return {
      rcode: error.rcode as Rcode,
      why: error.message,
      ...described(before, { change: { deleted: [], added: [] }, ignored: [] }),
    }
  }
}

function described(before: ResourceRecord[], { change, ignored }: UpdateOutcome) {
  const after = lines(applyToRecords(before, change))
  const soa = after.find(line => line.includes(' SOA '))!
  return { zone: after, serial: Number(soa.split(' ')[6]), ignored, change }
}

/** Lines as `updated` shows them, with the zone's own NS and an SOA of this serial. */
export function zoneLines(serial: number, rest: readonly string[], apex: readonly string[] = [NS]): string[] {
  return lines(records([SOA.replace(' 10 ', ` ${serial} `), ...apex, ...rest]))
}
