import { Type } from '../../../dns/types.ts'

/** Fields of fixed place: type → field → offset, counted from the end where negative, and octets. */
const FIELDS: Record<number, Record<string, readonly [offset: number, length: number]>> = {
  [Type.RRSIG]: {
    covered: [0, 2],
    algorithm: [2, 1],
    labels: [3, 1],
    ttl: [4, 4],
    expiration: [8, 4],
    inception: [12, 4],
    tag: [16, 2],
    signature: [-1, 1],
  },
  [Type.DNSKEY]: { flags: [0, 2], protocol: [2, 1], algorithm: [3, 1], key: [-1, 1] },
  [Type.DS]: { tag: [0, 2], algorithm: [2, 1], digest: [3, 1], hash: [-1, 1] },
}

/** The RDATA with a field changed, to a number, or by one: "+1", "-3600". */
export function changeField(type: number, rdata: Uint8Array, field: string, change: string): Uint8Array {
  const place = FIELDS[type]?.[field]
  if (!place) throw new Error(`type ${type} has no field ${field}`)
  const [offset, length] = place
  const at = offset < 0 ? rdata.length + offset : offset
  const changed = Buffer.from(rdata)
  const before = changed.readUIntBE(at, length)
  const after = /^[+-]/.test(change) ? before + Number(change) : Number(change)
  changed.writeUIntBE((after + 256 ** length) % 256 ** length, at, length)
  return Uint8Array.from(changed)
}
