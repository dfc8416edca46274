import type { SocketAddress } from '../host/network.ts'

/** How to reach a server: config's Upstream is one. */
export interface ServerAddress extends SocketAddress {
  transport: 'udp' | 'tls' | 'https'
  hostname?: string
  path?: string
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

/** What is known about one server: how fast it answers, whether it answers at all, and what it can't do. Times are monotonic ms. */
export class Server {
  readonly at: ServerAddress
  /** Smoothed round-trip time and its variation (RFC 6298 §2), or undefined before the first answer. */
  roundTrip: number | undefined
  private variation = 0
  private failures = 0
  private downUntil = 0
  private noEdnsUntil = 0
  private caseLostUntil = 0
  private lastAnswer = Number.NEGATIVE_INFINITY

  constructor(at: ServerAddress) {
    this.at = at
  }

  get encrypted(): boolean {
    return this.at.transport !== 'udp'
  }

  /** It answered after `elapsed` ms. Returns whether it had been taken for down. */
  answered(elapsed: number, now: number): boolean {
    const wasDown = this.down
    this.lastAnswer = now
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
      const key = [at.transport, at.address, at.port, at.hostname, at.path].join(' ')
      const server = servers.get(key) ?? new Server(at)
      servers.delete(key)
      servers.set(key, server)
      if (servers.size > size) servers.delete(servers.keys().next().value!)
      return server
    },
  }
}
