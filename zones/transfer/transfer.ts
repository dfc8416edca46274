import { Class, Flag, Opcode, Rcode } from '../../dns/codes.ts'
import { RcodeError } from '../../dns/errors.ts'
import type { Question } from '../../dns/message.ts'
import { type Name, ROOT } from '../../dns/name.ts'
import { equalOctets, type ResourceRecord } from '../../dns/record.ts'
import { Type } from '../../dns/types.ts'
import type { Changeset } from '../change.ts'
import { recordsOf } from '../draft.ts'
import type { RecordWalk } from '../image/records.ts'
import type { ZoneVersion } from '../zone.ts'

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
  const packer = new Packer(request)
  const walk = version.walk()
  while (walk.next()) {
    const full = packer.add(walk)
    if (full) yield full
  }
  const full = packer.add(new OneRecord().set(soaOf(version)))
  if (full) yield full
  yield packer.end()
}

/** RFC 1995 §2, §4: the zone's SOA alone says that there is nothing newer, or over UDP that the client is to come by TCP. */
export function soaMessage(version: ZoneVersion, request: TransferRequest): Uint8Array {
  const message = new TransferMessage(request)
  message.add(new OneRecord().set(soaOf(version)))
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
  const one = new OneRecord()
  for await (const part of parts)
    for (const record of part) {
      const full = packer.add(one.set(record))
      if (full) yield full
    }
  yield packer.end()
}

/** A version's SOA. */
export function soaOf(version: ZoneVersion): ResourceRecord {
  return recordsOf(version.rrset(version.origin, Type.SOA)!)[0]!
}

/** A record as it lies in memory: `RecordWalk`, or one that is an object. */
type WireRecord = Pick<
  RecordWalk,
  'owner' | 'ownerLength' | 'ownerNumber' | 'type' | 'ttl' | 'octets' | 'at' | 'length'
>

/** Shows one record after another as it lies in memory. */
class OneRecord implements WireRecord {
  owner: Name = ROOT
  ownerLength = 0
  ownerNumber = 0
  type = 0
  ttl = 0
  octets: Uint8Array = NO_OCTETS
  readonly at = 0
  length = 0

  set({ owner, type, ttl, rdata }: ResourceRecord): this {
    if (this.ownerNumber === 0 || (this.owner !== owner && !equalOctets(this.owner, owner))) this.ownerNumber++
    this.owner = owner
    this.ownerLength = owner.length
    this.type = type
    this.ttl = ttl
    this.octets = rdata
    this.length = rdata.length
    return this
  }
}

const NO_OCTETS = new Uint8Array(0)

/** Puts records into messages. */
class Packer {
  private readonly request: TransferRequest
  private message: TransferMessage
  private count = 0
  private lastType = 0

  constructor(request: TransferRequest) {
    this.request = request
    this.message = new TransferMessage(request)
  }

  /** Takes a record; returns the message that was full before it. */
  add(record: WireRecord): Uint8Array | undefined {
    const size = this.message.size + record.ownerLength + RECORD_HEAD + record.length
    let full: Uint8Array | undefined
    // A client takes a message that ends on an SOA for the last one: the first always goes on with the record after it.
    const mayEnd = this.count > 0 && this.lastType !== Type.SOA
    if ((mayEnd && size > MESSAGE) || size > MOST) {
      if (this.message.count === 0) throw new RcodeError(Rcode.SERVFAIL, 'the zone has a record that fits no message')
      full = this.message.done()
      this.message = new TransferMessage(this.request)
    }
    this.message.add(record)
    this.count++
    this.lastType = record.type
    return full
  }

  end(): Uint8Array {
    return this.message.done()
  }
}

/** Octets of type, class, TTL and length (RFC 1035 §3.2.1). */
const RECORD_HEAD = 10
/** Octets of a message's header. */
const HEADER = 12
/** Pointers have 14 bits (RFC 1035 §4.1.4). */
const POINTER = 0xc000

/** One message of a transfer. Owners are compressed against the zone and the owner before; RDATA is written as it is stored. */
class TransferMessage {
  private buf = Buffer.allocUnsafe(MESSAGE + 2048)
  private readonly origin: Name
  size = HEADER
  count = 0
  /** The owner written last, and where; 0 where no pointer reaches. */
  private lastOwner = 0
  private lastOwnerAt = 0

  constructor({ id, flags, question }: TransferRequest) {
    const { buf } = this
    const { name, type } = question
    this.origin = name
    buf.fill(0, 0, HEADER)
    buf.writeUInt16BE(id, 0)
    // RFC 5936 §2.2.1: QR and AA; RD as it was asked; RA, AD and CD are not for transfers.
    buf.writeUInt16BE(Flag.QR | Flag.AA | (flags & Flag.RD) | (Opcode.QUERY << 11), 2)
    buf.writeUInt16BE(1, 4)
    buf.set(name, HEADER)
    buf.writeUInt16BE(type, HEADER + name.length)
    buf.writeUInt16BE(question.class, HEADER + name.length + 2)
    this.size = HEADER + name.length + 4
  }

  add(record: WireRecord): void {
    const { type, ttl, octets, at, length } = record
    this.reserve(record.ownerLength + RECORD_HEAD + length)
    this.owner(record)
    const { buf } = this
    let to = this.size
    buf[to++] = type >>> 8
    buf[to++] = type
    buf[to++] = 0
    buf[to++] = Class.IN
    buf[to++] = ttl >>> 24
    buf[to++] = ttl >>> 16
    buf[to++] = ttl >>> 8
    buf[to++] = ttl
    buf[to++] = length >>> 8
    buf[to++] = length
    // Most are a few octets, which a loop copies sooner than a call.
    for (let i = at, end = at + length; i < end; i++) buf[to++] = octets[i]!
    this.size = to
    this.count++
  }

  /** One big record may need more than is usual. */
  private reserve(octets: number): void {
    if (this.size + octets <= this.buf.length) return
    const larger = Buffer.allocUnsafe(this.size + octets)
    larger.set(this.buf.subarray(0, this.size))
    this.buf = larger
  }

  private owner({ owner, ownerLength, ownerNumber }: WireRecord): void {
    const { buf, origin, size } = this
    const labels = ownerLength - origin.length
    // RFC 1035 §4.1.4: the question's name is at octet 12, and every owner ends in it.
    const below = endsLike(owner, origin, labels)
    if (below && labels === 0) this.pointer(HEADER)
    else if (this.lastOwnerAt > 0 && this.lastOwner === ownerNumber) this.pointer(this.lastOwnerAt)
    else {
      this.lastOwner = ownerNumber
      this.lastOwnerAt = size < 0x4000 ? size : 0
      const end = below ? labels : ownerLength
      for (let i = 0; i < end; i++) buf[size + i] = owner[i]!
      this.size += end
      if (below) this.pointer(HEADER)
    }
  }

  private pointer(to: number): void {
    this.buf[this.size++] = (POINTER | to) >>> 8
    this.buf[this.size++] = to
  }

  done(): Uint8Array {
    this.buf.writeUInt16BE(this.count, 6)
    return this.buf.subarray(0, this.size)
  }
}

/** Whether the owner ends in the question's name as it is spelled; every owner is at or below it. */
function endsLike(owner: Uint8Array, origin: Name, from: number): boolean {
  for (let i = 0; i < origin.length; i++) if (owner[from + i] !== origin[i]) return false
  return true
}
