import { Flag, rcodeName } from '../../../dns/codes.ts'
import { type Message, parseMessage } from '../../../dns/message.ts'
import { lowerName, printName } from '../../../dns/name.ts'
import type { ResourceRecord } from '../../../dns/record.ts'
import { canonicalRdata, printRdata, typeName } from '../../../dns/types.ts'

/** What is compared of a response: RCODE, AA, and the sections as sets of records, names in lower case. */
export interface Reply {
  rcode: string
  aa: boolean
  answer: string
  authority: string
  additional: string
}

export const PARTS = ['rcode', 'aa', 'answer', 'authority', 'additional'] as const
export type Part = (typeof PARTS)[number]

export function replyOf(wire: Uint8Array): Reply {
  return replyOfMessage(parseMessage(wire))
}

export function replyOfMessage(message: Message): Reply {
  return {
    rcode: rcodeName(message.rcode),
    aa: (message.flags & Flag.AA) !== 0,
    answer: setOf(message.answer),
    authority: setOf(message.authority),
    additional: setOf(message.additional),
  }
}

function setOf(records: readonly ResourceRecord[]): string {
  return records.map(line).sort().join('\n')
}

function line({ owner, type, ttl, rdata }: ResourceRecord): string {
  return `${printName(lowerName(owner))} ${ttl} ${typeName(type)} ${printRdata(type, canonicalRdata(type, rdata))}`
}
