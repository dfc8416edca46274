import { Flag } from '../../dns/codes.ts'
import { createFrameReader, frame } from '../../dns/frames.ts'
import { type Message, parseMessage, writeMessage } from '../../dns/message.ts'
import type { ResourceRecord } from '../../dns/record.ts'
import { verifyRequest } from '../../dns/tsig.ts'
import type { TsigKey } from '../../dns/tsig-record.ts'
import { createStreamSigner } from '../../dns/tsig-stream.ts'
import { Type, typeName } from '../../dns/types.ts'
import type { Clock } from '../../host/clock.ts'
import type { SimulatedNetwork } from '../simulation/network.ts'

/** What a primary of our own making sends: well-behaved unless a test says otherwise. Read anew for each request. */
export interface Script {
  /** The zone, its SOA first. */
  zone: ResourceRecord[]
  key?: TsigKey
  /** The answer sections of an IXFR's messages; left out: the primary does not know IXFR. */
  ixfr?: ResourceRecord[][] | undefined
  /** The answer sections of an AXFR's messages; left out: the zone, a hundred records in each. */
  axfr?: ResourceRecord[][] | undefined
  /** The SOA that is shown before a transfer; left out: the zone's. */
  soa?: ResourceRecord
  rcode?: number
  /** What is really sent of a transfer's message, signed as it was. */
  spoil?: (signed: Uint8Array, plain: Uint8Array, index: number) => Uint8Array
  /** The connection ends after so many messages of a transfer. */
  breaksAfter?: number
  /** It ends in the middle of the last of these. */
  halves?: boolean
  /** Seconds by which the clock that signs is ahead. */
  ahead?: number
}

/** Serves a script at an address of the simulated network. Returns what it was asked for, "SOA udp" first as a rule. */
export function servePrimary(network: SimulatedNetwork, clock: Clock, at: string, script: Script): string[] {
  const asked: string[] = []
  const answer = (
    wire: Uint8Array,
    via: string,
    send: (octets: Uint8Array, half?: boolean) => void,
    hangUp: () => void,
  ): void => {
    const request = parseMessage(wire)
    const type = request.question[0]!.type
    asked.push(`${typeName(type)} ${via}`)
    const sign = signerFor(wire, request, script.key, Math.floor(clock.now() / 1000), script.ahead)
    if (!sign) return
    for (const [index, section] of sectionsFor(type, script).entries()) {
      if (type !== Type.SOA && index === script.breaksAfter) {
        hangUp()
        return
      }
      const plain = answerTo(request, section, type === Type.IXFR && !script.ixfr ? 4 : (script.rcode ?? 0))
      const signed = sign(plain)
      const last = type !== Type.SOA && index + 1 === script.breaksAfter
      send(script.spoil && type !== Type.SOA ? script.spoil(signed, plain, index) : signed, last && script.halves)
    }
  }
  network.serve(at, (wire, via, reply) =>
    answer(
      wire,
      via,
      octets => reply(octets),
      () => {},
    ),
  )
  network.serveStreams(at, stream => {
    const frames = createFrameReader()
    stream.onData(chunk => {
      for (const wire of frames.push(chunk))
        answer(
          wire,
          stream.via,
          (octets, half) => stream.write(frame(octets).subarray(0, half ? octets.length / 2 : undefined)),
          () => stream.close(),
        )
    })
  })
  return asked
}

function sectionsFor(type: number, { zone, soa, ixfr, axfr }: Script): ResourceRecord[][] {
  if (type === Type.SOA) return [[soa ?? zone[0]!]]
  if (type === Type.IXFR) return ixfr ?? [[]]
  return axfr ?? whole(zone)
}

function whole(zone: ResourceRecord[]): ResourceRecord[][] {
  const all = [...zone, zone[0]!]
  return Array.from({ length: Math.ceil(all.length / 100) }, (_, i) => all.slice(i * 100, i * 100 + 100))
}

function answerTo(request: Message, answer: ResourceRecord[], rcode: number): Uint8Array {
  const { id, opcode, question } = request
  return writeMessage({ id, opcode, question, rcode, flags: Flag.QR | Flag.AA, answer, authority: [], additional: [] })
}

function signerFor(wire: Uint8Array, request: Message, key: TsigKey | undefined, now: number, ahead = 0) {
  if (!key) return (octets: Uint8Array) => octets
  if (!request.tsig) return undefined
  const verdict = verifyRequest(wire, request, () => key, now)
  if (verdict.kind !== 'valid') return undefined
  const sign = createStreamSigner(verdict.context)
  return (octets: Uint8Array) => sign(octets, now + ahead)
}
