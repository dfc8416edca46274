import { hostname } from 'node:os'
import type { RecordLine } from './replies.ts'

/** log audit (13), informational (6): RFC 5424 §6.2.1. */
const PRIORITY = 13 * 8 + 6
const NIL = '-'

/** A line of the record as a syslog message (RFC 5424 §6), its JSON as the message. */
export function syslogLine(line: RecordLine, host = hostname()): string {
  const { at = NIL, kind = NIL } = line.entry ?? {}
  return `<${PRIORITY}>1 ${at} ${host || NIL} namestead - ${kind} [record@32473 seq="${line.seq}"] ${JSON.stringify(line.entry ?? line)}`
}
