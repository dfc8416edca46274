import { isIPv6 } from 'node:net'
import { addressBytes } from '../../config/address.ts'
import { isPrivate } from '../../config/private-addresses.ts'
import type { SocketAddress } from '../../host/network.ts'

/** How to reach a server: config's Upstream is one, once its name is resolved. */
export interface ServerAddress extends SocketAddress {
  transport: 'udp' | 'tls' | 'https'
  hostname?: string
  path?: string
  /** SHA-256 of the SubjectPublicKeyInfo in base64 (RFC 7858 §4.2): the certificate must have one of these keys. */
  pins?: readonly string[]
  /** Its share of the questions, where a rule weighs its upstreams. */
  weight?: number
  /** Questions that it may have outstanding. */
  max_concurrent?: number
}

const FIRST_TIMEOUT = 400
const FIRST_TIMEOUT_ENCRYPTED = 800
const SHORTEST_TIMEOUT = 100
const LONGEST_TIMEOUT = 1200
const FAILURES_UNTIL_DOWN = 2
const FIRST_BACKOFF = 1000
const LONGEST_BACKOFF = 15_000
/** How long a server's shortcomings are believed. */
const SHORTCOMING_KEPT = 900_000
/** How long a round-trip time is believed of a server that is not asked because others are faster. */
const MEASURE_KEPT = 60_000

/** What is known about one server: how fast it answers, whether it answers at all, and what it can't do. Times are monotonic ms. */
export class Server {
  readonly at: ServerAddress
  /** As in logs: "tls://192.0.2.1:853". */
  readonly label: string
  /** Whether its address is one of the world's, not of a site. */
  readonly isPublic: boolean
  /** Smoothed round-trip time and its variation (RFC 6298 §2), or undefined before the first answer. */
  roundTrip: number | undefined
  /** Questions that it has outstanding, has been asked, and has left unanswered. */
  outstanding = 0
  asked = 0
  unanswered = 0
  /** Why it was last taken for down. */
  complaint: string | undefined
  private variation = 0
  private failures = 0
  private downUntil = 0
  private noEdnsUntil = 0
  private caseLostUntil = 0
  private measured = Number.NEGATIVE_INFINITY
  private lastAnswer = Number.NEGATIVE_INFINITY

  constructor(at: ServerAddress) {
    this.at = at
    this.label = labelOf(at)
    const bytes = addressBytes(at.address)
    this.isPublic = bytes === undefined || !isPrivate(bytes)
  }

  get encrypted(): boolean {
    return this.at.transport !== 'udp'
  }

  /** Whether it has as many questions outstanding as it may. */
  get full(): boolean {
    return this.at.max_concurrent !== undefined && this.outstanding >= this.at.max_concurrent
  }

  /** It answered after `elapsed` ms. Returns whether it had been taken for down. */
  answered(elapsed: number, now: number): boolean {
    const wasDown = this.down
    this.lastAnswer = now
    this.measured = now
    if (this.roundTrip === undefined) {
      this.roundTrip = elapsed
      this.variation = elapsed / 2
    } else {
      // RFC 6298 §2.3, with its alpha of 1/8 and beta of 1/4.
      this.variation += (Math.abs(elapsed - this.roundTrip) - this.variation) / 4
      this.roundTrip += (elapsed - this.roundTrip) / 8
    }
    this.failures = 0
    this.downUntil = 0
    return wasDown
  }

  /**
   * It did not answer a question asked at `since`, or could not be reached. Returns whether that makes it one that is down.
   * Where it has answered others meanwhile it is not the server that is slow but the name.
   */
  failed(now: number, since = now): boolean {
    this.unanswered++
    if (this.lastAnswer > since) return false
    const wasDown = this.down
    this.failures++
    if (this.failures < FAILURES_UNTIL_DOWN) return false
    const doublings = Math.min(this.failures - FAILURES_UNTIL_DOWN, 10)
    this.downUntil = now + Math.min(LONGEST_BACKOFF, FIRST_BACKOFF * 2 ** doublings)
    return !wasDown
  }

  /** Whether it has left several questions in a row unanswered. */
  get down(): boolean {
    return this.failures >= FAILURES_UNTIL_DOWN
  }

  /** Whether it is down and not yet to be tried again. */
  backingOff(now: number): boolean {
    return this.down && now < this.downUntil
  }

  /** Milliseconds until a server that is down is to be tried again. */
  backoff(now: number): number {
    return Math.max(0, this.downUntil - now)
  }

  /** Whether how fast it is should be found out anew; says so once in the time that a measure is believed. */
  dueForMeasure(now: number): boolean {
    if (now - this.measured < MEASURE_KEPT) return false
    this.measured = now
    return true
  }

  /** How long to wait for it before another server is asked too; doubled for each attempt before (RFC 6298 §5.5). */
  timeout(attempt: number): number {
    const first = this.encrypted ? FIRST_TIMEOUT_ENCRYPTED : FIRST_TIMEOUT
    const estimate = this.roundTrip === undefined ? first : this.roundTrip + Math.max(50, 4 * this.variation)
    return Math.min(LONGEST_TIMEOUT, Math.max(SHORTEST_TIMEOUT, estimate) * 2 ** attempt)
  }

  speaksEdns(now: number): boolean {
    return now >= this.noEdnsUntil
  }

  refusedEdns(now: number): void {
    this.noEdnsUntil = now + SHORTCOMING_KEPT
  }

  keepsCase(now: number): boolean {
    return now >= this.caseLostUntil
  }

  lostCase(now: number): void {
    this.caseLostUntil = now + SHORTCOMING_KEPT
  }
}

/** Servers by address, the least recently used forgotten beyond `size`: what was learned about one serves every rule that names it. */
export function createServerTable(size = 1024): { get(at: ServerAddress): Server } {
  const servers = new Map<string, Server>()
  return {
    get(at) {
      const key = identityOf(at)
      const server = servers.get(key) ?? new Server(at)
      servers.delete(key)
      servers.set(key, server)
      if (servers.size > size) servers.delete(servers.keys().next().value!)
      return server
    },
  }
}

function labelOf({ transport, address, port }: ServerAddress): string {
  const host = isIPv6(address) ? `[${address}]:${port}` : `${address}:${port}`
  return transport === 'udp' ? host : `${transport}://${host}`
}

/** The same for addresses by which the same server is reached in the same way. */
function identityOf({ transport, address, port, hostname, path, pins, weight, max_concurrent: most }: ServerAddress) {
  return [transport, address, port, hostname, path, pins?.join(), weight, most].join(' ')
}
