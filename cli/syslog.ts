import { hostname } from 'node:os'
import type { RecordLine } from './replies.ts'

/** log audit (13), informational (6): RFC 5424 §6.2.1. */
const PRIORITY = 13 * 8 + 6
const NIL = '-'

/** A line of the record as a syslog message (RFC 5424 §6), its JSON as the message. */
export function syslogLine(line: RecordLine, host = hostname()): string {
  // RFC 5612: the enterprise number of examples; namestead has none of its own.
  return message(line.entry ?? {}, `[record@32473 seq="${line.seq}"]`, JSON.stringify(line.entry ?? line), host)
}

/** Something that happened, likewise. */
export function syslogMessage(happening: { at: string; kind: string }, host = hostname()): string {
  return message(happening, NIL, JSON.stringify(happening), host)
}

function message({ at = NIL, kind = NIL }: { at?: string; kind?: string }, data: string, text: string, host: string) {
  return `<${PRIORITY}>1 ${at} ${host || NIL} namestead ${NIL} ${kind} ${data} ${text}`
}
