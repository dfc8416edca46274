import { Class, Flag, Opcode, Rcode } from '../dns/codes.ts'
import { RcodeError } from '../dns/errors.ts'
import type { Question } from '../dns/message.ts'
import type { Name } from '../dns/name.ts'
import { equalOctets, type ResourceRecord } from '../dns/record.ts'
import { Type } from '../dns/types.ts'
import { Writer } from '../dns/wire.ts'
import type { Changeset } from './change.ts'
import { recordsOf } from './draft.ts'
import type { ZoneVersion } from './zone.ts'

/** The request that a transfer answers. */
export interface TransferRequest {
  id: number
  /** The request's RD is given back. */
  flags: number
  question: Question
}

/** Octets of a message, TSIG not counted: as much as a serving thread does in one turn. */
const MESSAGE = 16 * 1024
/** What no message exceeds with its TSIG; one big record may need more than `MESSAGE`. */
const MOST = 0xffff - 1024

/**
 * The zone as AXFR gives it (RFC 5936 §2.2): its messages in wire form, to be signed one by one. The version is pinned: what changes
 * meanwhile is in the next transfer. Made as it is asked for, so a slow client costs no memory.
 */
export function* axfrMessages(version: ZoneVersion, request: TransferRequest): Generator<Uint8Array> {
  yield* pack(axfrRecords(version), request)
}

function* axfrRecords(version: ZoneVersion): Generator<ResourceRecord> {
  const soa = soaOf(version)
  for (const rrset of version.rrsets()) yield* recordsOf(rrset)
  yield soa
}

/** RFC 1995 §2, §4: the zone's SOA alone says that there is nothing newer, or over UDP that the client is to come by TCP. */
export function soaMessage(version: ZoneVersion, request: TransferRequest): Uint8Array {
  const message = new TransferMessage(request)
  message.add(soaOf(version))
  return message.done()
}

/** The records of an IXFR (RFC 1995 §4) for one difference: the new SOA, what goes after the old SOA, what comes after the new, the new SOA. */
export function* ixfrRecords({ deleted, added }: Changeset): Generator<ResourceRecord> {
  const soa = added[0]!
  yield soa
  yield* deleted
  yield* added
  yield soa
}

/** An IXFR's messages in wire form, from its records as they come in parts. */
export async function* ixfrMessages(
  parts: AsyncIterable<Iterable<ResourceRecord>>,
  request: TransferRequest,
): AsyncGenerator<Uint8Array> {
  const packer = new Packer(request)
  for await (const part of parts) yield* packer.pack(part)
  yield packer.end()
}

/** A version's SOA. */
export function soaOf(version: ZoneVersion): ResourceRecord {
  return recordsOf(version.rrset(version.origin, Type.SOA)!)[0]!
}

function* pack(records: Iterable<ResourceRecord>, request: TransferRequest): Generator<Uint8Array> {
  const packer = new Packer(request)
  yield* packer.pack(records)
  yield packer.end()
}

/** Puts records into messages. */
class Packer {
  private readonly request: TransferRequest
  private message: TransferMessage
  private last: ResourceRecord | undefined

  constructor(request: TransferRequest) {
    this.request = request
    this.message = new TransferMessage(request)
  }

  /** The messages that these records fill. */
  *pack(records: Iterable<ResourceRecord>): Generator<Uint8Array> {
    for (const record of records) {
      const size = this.message.size + sizeOf(record)
      // A client takes a message that ends on an SOA for the last one: the first always goes on with the record after it.
      const mayEnd = this.last !== undefined && this.last.type !== Type.SOA
      if ((mayEnd && size > MESSAGE) || size > MOST) {
        if (this.message.count === 0) throw new RcodeError(Rcode.SERVFAIL, 'the zone has a record that fits no message')
        yield this.message.done()
        this.message = new TransferMessage(this.request)
      }
      this.message.add(record)
      this.last = record
    }
  }

  end(): Uint8Array {
    return this.message.done()
  }
}

/** Owner, type, class, TTL, length: what a record takes at most. */
function sizeOf({ owner, rdata }: ResourceRecord): number {
  return owner.length + 10 + rdata.length
}

/** One message of a transfer. Owners are compressed against the zone and the owner before; RDATA is written as it is stored. */
class TransferMessage {
  private readonly writer = new Writer({ size: MESSAGE + 2048 })
  private readonly origin: Name
  count = 0
  private lastOwner: Name | undefined
  private lastOwnerAt = 0

  constructor({ id, flags, question }: TransferRequest) {
    const { writer } = this
    this.origin = question.name
    writer.u16(id)
    // RFC 5936 §2.2.1: QR and AA; RD as it was asked; RA, AD and CD are not for transfers.
    writer.u16(Flag.QR | Flag.AA | (flags & Flag.RD) | (Opcode.QUERY << 11))
    writer.u16(1)
    for (let i = 0; i < 3; i++) writer.u16(0)
    writer.bytes(question.name)
    writer.u16(question.type)
    writer.u16(question.class)
  }

  get size(): number {
    return this.writer.pos
  }

  add({ owner, type, ttl, rdata }: ResourceRecord): void {
    const { writer } = this
    this.owner(owner)
    writer.u16(type)
    writer.u16(Class.IN)
    writer.u32(ttl)
    writer.u16(rdata.length)
    writer.bytes(rdata)
    this.count++
  }

  private owner(owner: Name): void {
    const { writer, origin } = this
    const labels = owner.length - origin.length
    // RFC 1035 §4.1.4: the question's name is at octet 12, and every owner ends in it.
    const below = endsLike(owner, origin, labels)
    if (below && labels === 0) writer.u16(0xc00c)
    else if (this.lastOwner && (this.lastOwner === owner || equalOctets(this.lastOwner, owner)))
      writer.u16(0xc000 | this.lastOwnerAt)
    else {
      this.lastOwner = writer.pos < 0x4000 ? owner : undefined
      this.lastOwnerAt = writer.pos
      writer.bytes(below ? owner.subarray(0, labels) : owner)
      if (below) writer.u16(0xc00c)
    }
  }

  done(): Uint8Array {
    this.writer.patchU16(6, this.count)
    return this.writer.done()
  }
}

/** Whether the owner ends in the question's name as it is spelled; every owner is at or below it. */
function endsLike(owner: Name, origin: Name, from: number): boolean {
  for (let i = 0; i < origin.length; i++) if (owner[from + i] !== origin[i]) return false
  return true
}
