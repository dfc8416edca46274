import { printAddress } from '../config/address.ts'
import { Ede, Rcode } from '../dns/codes.ts'
import { RcodeError } from '../dns/errors.ts'
import { type Message, writeMessage } from '../dns/message.ts'
import { nameKey, printName } from '../dns/name.ts'
import { serialGreater } from '../dns/serial.ts'
import { createStreamSigner, type TsigContext } from '../dns/tsig.ts'
import { readRdata, Type, typeName } from '../dns/types.ts'
import type { Clock } from '../host/clock.ts'
import type { Log } from '../host/log.ts'
import { permitTransfer } from '../zones/policy.ts'
import { axfrMessages, ixfrMessages } from '../zones/transfer.ts'
import type { ZoneVersion } from '../zones/zone.ts'
import { type Client, LATER } from './listen/client.ts'
import { cellOf } from './metrics.ts'
import type { ServingView } from './state.ts'

/** A request for a zone, parsed and, where it was signed, verified. */
export interface TransferRequest {
  /** Retained. */
  client: Client
  message: Message
  view: ServingView
  signing: TsigContext | undefined
}

export interface TransfersOptions {
  counters: Float64Array
  clock: Clock
  log: Log
}

const DONE = cellOf('namestead_dns_transfers_total', 'done')
const REFUSED = cellOf('namestead_dns_transfers_total', 'refused')
const FAILED = cellOf('namestead_dns_transfers_total', 'failed')

/** Transfers that a thread runs at once. */
const MOST = 64

/** Zone transfers out of one thread (RFC 5936): each over the version it began with, one message of at most 16 KiB a turn. */
export class Transfers {
  private readonly options: TransfersOptions
  private running = 0

  constructor(options: TransfersOptions) {
    this.options = options
  }

  /** Starts a transfer and returns LATER; throws RcodeError where there will be none. */
  start(request: TransferRequest): number {
    try {
      const version = this.permitted(request)
      this.run(request, version, messagesOf(request, version))
      return LATER
    } catch (error) {
      this.options.counters[REFUSED]!++
      throw error
    }
  }

  private permitted({ client, message, view, signing }: TransferRequest): ZoneVersion {
    const [{ name, type }] = message.question as [Message['question'][number]]
    // RFC 5936 §4.2: AXFR over UDP is not defined; a stream of messages does not fit into an HTTP exchange either.
    if (client.transport === 'https' || (client.transport === 'udp' && type === Type.AXFR))
      throw new RcodeError(Rcode.FORMERR, `${typeName(type)} needs TCP`)
    const config = view.configs.get(nameKey(name))
    if (!config)
      throw new RcodeError(Rcode.NOTAUTH, `view ${view.name} has no zone ${printName(name)}`, Ede.NOT_AUTHORITATIVE)
    permitTransfer(config.transfer, { address: client.address, ...(signing && { key: signing.key.name }) })
    const image = view.zones.get(name)
    if (!image) throw new RcodeError(Rcode.SERVFAIL, `${printName(name)} has nothing to serve`, Ede.NOT_READY)
    if (this.running >= MOST) throw new RcodeError(Rcode.SERVFAIL, 'too many transfers are running', Ede.NOT_READY)
    return image.latest()
  }

  private run(request: TransferRequest, version: ZoneVersion, messages: Iterator<Uint8Array>): void {
    const { client, signing, view } = request
    const { counters, log } = this.options
    // RFC 8945 §5.3.1 lets some messages be unsigned; clients exist that refuse those, so every one is signed.
    const sign = signing ? createStreamSigner(signing) : (wire: Uint8Array) => wire
    const fields = {
      client: printAddress(client.address),
      view: view.name,
      zone: printName(version.origin),
      serial: version.serial(),
      ...(signing && { key: printName(signing.key.name) }),
    }
    const end = (cell: number): void => {
      counters[cell]!++
      this.running--
      client.finish()
    }
    const fail = (error: unknown): void => {
      log.warn({ ...fields, reason: String(error) }, 'zone transfer failed')
      client.send(sign(servfail(request.message), this.seconds()))
      end(FAILED)
    }
    const step = (): void => {
      try {
        if (client.closed) throw new Error('the client has gone')
        const next = messages.next()
        if (next.done) {
          log.info(fields, 'zone transferred')
          end(DONE)
        } else if (client.send(sign(next.value, this.seconds()))) setImmediate(step)
        else client.drained(() => setImmediate(step))
      } catch (error) {
        fail(error)
      }
    }
    this.running++
    setImmediate(step)
  }

  private seconds(): number {
    return Math.floor(this.options.clock.now() / 1000)
  }
}

function messagesOf({ client, message }: TransferRequest, version: ZoneVersion): Iterator<Uint8Array> {
  const question = message.question[0]!
  const asked = { id: message.id, flags: message.flags, question }
  if (question.type !== Type.IXFR) return axfrMessages(version, asked)
  // RFC 1995 §2: over UDP the SOA alone, which tells the client to come by TCP; also where it is up to date (§4).
  const soa = message.authority.find(({ type }) => type === Type.SOA)
  if (!soa) throw new RcodeError(Rcode.FORMERR, 'an IXFR without the SOA of the client')
  const { serial } = readRdata('SOA', soa.rdata)
  if (client.transport === 'udp' || !serialGreater(version.serial(), serial)) return ixfrMessages(version, [], asked)
  // RFC 1995 §4: without the differences, the whole zone.
  return axfrMessages(version, asked)
}

/** RFC 5936 §2.2.1: a transfer that can't go on ends with an RCODE. */
function servfail({ id, flags, question }: Message): Uint8Array {
  const empty = { answer: [], authority: [], additional: [] }
  return writeMessage({ id, flags: flags | 0x8000, opcode: 0, rcode: Rcode.SERVFAIL, question, ...empty })
}
