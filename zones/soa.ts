import { copyOctets, u32At } from '../dns/octets.ts'

/** An SOA's RDATA ends in five 32-bit numbers, the first of which is the serial (RFC 1035 §3.3.13). */
const NUMBERS = 20

/** The serial in an SOA's RDATA. */
export function soaSerial(rdata: Uint8Array): number {
  return u32At(rdata, rdata.length - NUMBERS)
}

/** A copy of an SOA's RDATA with another serial. */
export function withSerial(rdata: Uint8Array, serial: number): Uint8Array {
  const copy = copyOctets(rdata)
  new DataView(copy.buffer).setUint32(copy.length - NUMBERS, serial)
  return copy
}

/** The MINIMUM in an SOA's RDATA: with its TTL, how long absence may be remembered (RFC 2308 §5). */
export function minimumOf(rdata: Uint8Array): number {
  return u32At(rdata, rdata.length - 4)
}
