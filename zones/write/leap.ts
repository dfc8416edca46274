import { serialAfter, serialGreater } from '../../dns/serial.ts'
import { Type } from '../../dns/types.ts'
import { recordsOf } from '../draft.ts'
import { soaSerial, withSerial } from '../soa.ts'
import type { ZoneVersion } from '../zone.ts'
import type { Decision } from './pipeline.ts'

/** How far a serial leaps: more than it rose since the backup, and less than what makes secondaries believe that it went back (RFC 1982 §3.2). */
const LEAP = 100_000

/**
 * Raises the serial beyond all that the zone can have had since it was copied: secondaries that followed it further must find what it is
 * now newer than what they have.
 */
export function leapSerial(tip: ZoneVersion): Decision {
  const [soa] = recordsOf(tip.rrset(tip.origin, Type.SOA)!)
  const before = soaSerial(soa!.rdata)
  const leapt = (before + LEAP) >>> 0
  const serial = serialGreater(leapt, before) && leapt !== 0 ? leapt : serialAfter(before)
  return { change: { deleted: [soa!], added: [{ ...soa!, rdata: withSerial(soa!.rdata, serial) }] } }
}
