import { Class } from '../../dns/codes.ts'
import type { ResourceRecord } from '../../dns/record.ts'
import { Writer } from '../../dns/wire.ts'
import { packRecord } from '../change.ts'

/** Records in uncompressed wire form, one after another; owners and RDATAs are views of the octets. */
export function unpackRecords(octets: Uint8Array): ResourceRecord[] {
  const view = new DataView(octets.buffer, octets.byteOffset, octets.length)
  const records: ResourceRecord[] = []
  for (let at = 0; at < octets.length; ) {
    let head = at
    while (octets[head] !== 0) head += octets[head]! + 1
    head++
    const data = head + 10
    const end = data + view.getUint16(head + 8)
    const owner = octets.subarray(at, head)
    const [type, ttl] = [view.getUint16(head), view.getUint32(head + 4)]
    records.push({ owner, type, class: Class.IN, ttl, rdata: octets.subarray(data, end) })
    at = end
  }
  return records
}

const PART = 1 << 20

/** Records packed into parts of a little more than `size` octets. */
export function* packRecords(records: Iterable<ResourceRecord>, size = PART): Generator<Uint8Array> {
  let writer = new Writer({ size: 4096 })
  for (const record of records) {
    packRecord(writer, record)
    if (writer.pos < size) continue
    yield writer.done().slice()
    writer = new Writer({ size: 4096 })
  }
  if (writer.pos > 0) yield writer.done().slice()
}
