import { printAddress } from '../../config/address.ts'
import type { TransferRule } from '../../config/schema.ts'
import { Ede, Rcode } from '../../dns/codes.ts'
import { RcodeError } from '../../dns/errors.ts'
import { type Message, writeMessage } from '../../dns/message.ts'
import { nameKey, printName } from '../../dns/name.ts'
import type { ResourceRecord } from '../../dns/record.ts'
import { serialGreater } from '../../dns/serial.ts'
import type { TsigContext } from '../../dns/tsig.ts'
import { createStreamSigner } from '../../dns/tsig-stream.ts'
import { readRdata, Type, typeName } from '../../dns/types.ts'
import type { Clock } from '../../host/clock.ts'
import type { Log } from '../../host/log.ts'
import { permitTransfer } from '../../zones/policy.ts'
import { unpackRecords } from '../../zones/store/packed.ts'
import { type TransferRequest as Asked, axfrMessages, ixfrMessages, soaMessage } from '../../zones/transfer/transfer.ts'
import type { ZoneVersion } from '../../zones/zone.ts'
import { type Client, LATER } from '../listen/client.ts'
import { cellOf } from '../metrics/metrics.ts'
import type { MainThread } from '../threads/main-thread.ts'
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
  /** Has the journals. */
  main: Pick<MainThread, 'differences'>
  /** Transfers that this thread runs at once. */
  most: () => number
  clock: Clock
  log: Log
}

const DONE = cellOf('namestead_dns_transfers_total', 'done')
const REFUSED = cellOf('namestead_dns_transfers_total', 'refused')
const FAILED = cellOf('namestead_dns_transfers_total', 'failed')

/** A transfer's messages as they come to be; the kind is known once the first is there. */
interface Outgoing {
  kind: 'AXFR' | 'IXFR' | 'SOA'
  messages: AsyncIterable<Uint8Array> | Iterable<Uint8Array>
}

/**
 * Zone transfers out of one thread (RFC 5936, RFC 1995): a whole zone from the version that it began with, differences from main's
 * journal; one message of at most 16 KiB a turn.
 */
export class Transfers {
  private readonly options: TransfersOptions
  private running = 0
  private turning = 0

  constructor(options: TransfersOptions) {
    this.options = options
  }

  /** Starts a transfer and returns LATER; throws RcodeError where there will be none. */
  start(request: TransferRequest): number {
    try {
      const { version, rule } = this.permitted(request)
      void this.run(request, version, this.outgoing(request, version, rule))
      return LATER
    } catch (error) {
      this.options.counters[REFUSED]!++
      throw error
    }
  }

  private permitted({ client, message, view, signing }: TransferRequest): { version: ZoneVersion; rule: TransferRule } {
    const [{ name, type }] = message.question as [Message['question'][number]]
    // RFC 5936 §4.2: AXFR over UDP is not defined; a stream of messages does not fit into an HTTP exchange either.
    if (client.transport === 'https' || (client.transport === 'udp' && type === Type.AXFR))
      throw new RcodeError(Rcode.FORMERR, `${typeName(type)} needs TCP`)
    // RFC 9103 §7.2: what is older than TLS 1.3 does for queries, and not for zones.
    if (client.transport === 'tls' && client.tlsVersion !== 'TLSv1.3')
      throw new RcodeError(Rcode.REFUSED, `${typeName(type)} over TLS needs TLS 1.3`, Ede.PROHIBITED)
    const config = view.configs.get(nameKey(name))
    if (!config)
      throw new RcodeError(Rcode.NOTAUTH, `view ${view.name} has no zone ${printName(name)}`, Ede.NOT_AUTHORITATIVE)
    const tls = client.transport === 'tls'
    const rule = permitTransfer(config.transfer, {
      address: client.address,
      tls,
      ...(signing && { key: signing.key.name }),
    })
    const image = view.zones.get(name)
    if (!image) throw new RcodeError(Rcode.SERVFAIL, `${printName(name)} has nothing to serve`, Ede.NOT_READY)
    if (this.running >= this.options.most())
      throw new RcodeError(Rcode.SERVFAIL, 'too many transfers are running', Ede.NOT_READY)
    return { version: image.latest(), rule }
  }

  private async run(request: TransferRequest, version: ZoneVersion, outgoing: Outgoing): Promise<void> {
    const { client, signing, view } = request
    const { counters, log } = this.options
    // RFC 8945 §5.3.1 lets some messages be unsigned; clients exist that refuse those, so every one is signed.
    const sign = signing ? createStreamSigner(signing) : (wire: Uint8Array) => wire
    const fields = {
      client: printAddress(client.address),
      view: view.name,
      zone: printName(version.origin),
      ...(signing && { key: printName(signing.key.name) }),
    }
    this.running++
    try {
      // What is asked for now is sent in the turns to come.
      await this.turn()
      for await (const message of outgoing.messages) {
        if (client.closed) throw new Error('the client has gone')
        if (!client.send(sign(message, this.seconds()))) await new Promise<void>(resolve => client.drained(resolve))
        await this.turn()
      }
      log.info({ ...fields, kind: outgoing.kind, serial: version.serial() }, 'zone transferred')
      counters[DONE]!++
    } catch (error) {
      log.warn({ ...fields, kind: outgoing.kind, reason: String(error) }, 'zone transfer failed')
      client.send(sign(servfail(request.message), this.seconds()))
      counters[FAILED]!++
    } finally {
      this.running--
      client.finish()
    }
  }

  private outgoing({ client, message, view }: TransferRequest, version: ZoneVersion, rule: TransferRule): Outgoing {
    const question = message.question[0]!
    const asked = { id: message.id, flags: message.flags, question }
    const whole: Outgoing = { kind: 'AXFR', messages: axfrMessages(version, asked) }
    if (question.type !== Type.IXFR) return whole
    const soa = message.authority.find(({ type }) => type === Type.SOA)
    if (!soa) throw new RcodeError(Rcode.FORMERR, 'an IXFR without the SOA of the client')
    const { serial } = readRdata('SOA', soa.rdata)
    // RFC 1995 §2: over UDP the SOA alone, which tells the client to come by TCP; also where it is up to date (§4).
    if (client.transport === 'udp' || !serialGreater(version.serial(), serial))
      return { kind: 'SOA', messages: [soaMessage(version, asked)] }
    if (rule.ixfr === false) return whole
    // Main knows whether there is a journal, or what the files were lately.
    const parts = this.options.main.differences({ view: view.name, zone: version.origin, serial })
    return incremental(parts, asked, whole)
  }

  /** A transfer goes on in the next turn of the event loop. */
  get busy(): boolean {
    return this.turning > 0
  }

  private async turn(): Promise<void> {
    this.turning++
    await new Promise(resolve => setImmediate(resolve))
    this.turning--
  }

  private seconds(): number {
    return Math.floor(this.options.clock.now() / 1000)
  }
}

/** RFC 1995 §4: the differences, or where there are none to be had, the whole zone. */
function incremental(parts: AsyncGenerator<Uint8Array>, asked: Asked, whole: Outgoing): Outgoing {
  const outgoing: Outgoing = { kind: 'IXFR', messages: messages() }
  async function* messages(): AsyncGenerator<Uint8Array> {
    try {
      const first = await parts.next()
      if (first.done) {
        outgoing.kind = whole.kind
        yield* whole.messages
      } else yield* ixfrMessages(records(first.value), asked)
    } finally {
      await parts.return(undefined)
    }
  }
  async function* records(first: Uint8Array): AsyncGenerator<ResourceRecord[]> {
    yield unpackRecords(first)
    for await (const part of parts) yield unpackRecords(part)
  }
  return outgoing
}

/** RFC 5936 §2.2.1: a transfer that can't go on ends with an RCODE. */
function servfail({ id, flags, question }: Message): Uint8Array {
  const empty = { answer: [], authority: [], additional: [] }
  return writeMessage({ id, flags: flags | 0x8000, opcode: 0, rcode: Rcode.SERVFAIL, question, ...empty })
}
