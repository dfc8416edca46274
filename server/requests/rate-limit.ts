import { containsAddress } from '../../config/address.ts'
import type { RateLimitConfig } from '../../config/schema.ts'
import { Flag, Rcode } from '../../dns/codes.ts'
import { LOWER } from '../../dns/name.ts'
import type { Query } from '../../dns/query.ts'

/** What is done with a response: sent, answered in brief so that a real client can come back another way, or not sent. */
export type RateVerdict = 'send' | 'slip' | 'drop'

/** Slots of the table, and in how many of them an account may lie. */
const SLOTS = 1 << 16
const WAYS = 4
/** Words before the slots: the seed of the hash, and the number of limited responses. Large blocks begin 16 octets after a line of the CPU's cache: with so many words an account's slots share one. */
const SEED = 0
const LIMITED = 1
const HEAD = 12
/** Time is counted in 32nds of a millisecond, in 32 bits: after 37 hours it has come round. */
const TICKS = 32
const SECOND = 1000 * TICKS

/** Memory for the accounts of all threads. */
export function createRateTable(seed: number): SharedArrayBuffer {
  const table = new SharedArrayBuffer((HEAD + SLOTS * 2) * Int32Array.BYTES_PER_ELEMENT)
  new Int32Array(table)[SEED] = seed
  return table
}

/** Kinds of response, each with an account and a rate of its own. */
type ResponseClass = 'responses' | 'nodata' | 'nxdomains' | 'referrals' | 'errors'
const CLASSES: readonly ResponseClass[] = ['responses', 'nodata', 'nxdomains', 'referrals', 'errors']

/**
 * Response rate limiting: what one client network gets of one kind of response in a second. The accounts are shared by all threads and lie in memory
 * of fixed size, two words each: whose it is, and the time at which it will be even (the generic cell rate algorithm). Threads write without locks: what
 * a race loses is one response in an account. When a bucket is full, the account that is even first gives way.
 */
export class RateLimiter {
  private readonly table: Int32Array
  private config: RateLimitConfig | undefined
  /** Ticks that one response costs, by class; 0 where it is free. */
  private costs = new Int32Array(CLASSES.length)
  private costOfAny = 0
  /** How far an account may be in debt. */
  private deepest = 0
  private now = 0

  constructor(table: SharedArrayBuffer) {
    this.table = new Int32Array(table)
  }

  configure(config: RateLimitConfig | undefined): void {
    this.config = config
    if (!config) return
    const rateOf = (name: ResponseClass): number => config[name] ?? config.responses
    this.costs = Int32Array.from(CLASSES, name => costOf(rateOf(name)))
    this.costOfAny = costOf(config.all)
    this.deepest = SECOND + (config.window / 1000) * SECOND
  }

  /** @param milliseconds of a clock that never goes back */
  setTime(milliseconds: number): void {
    this.now = Math.floor(milliseconds * TICKS) | 0
  }

  /** Whether responses to this client are counted at all. */
  concerns(address: Uint8Array): boolean {
    return this.config !== undefined && !containsAddress(this.config.exempt, address)
  }

  /** Charges the client for the response to `query` that lies at `message[at]`. */
  charge(query: Query, address: Uint8Array, message: Uint8Array, at: number): RateVerdict {
    const { config } = this
    if (!config) return 'send'
    const kind = classOf(message, at)
    const network = this.hashNetwork(address, config)
    const cost = this.costs[kind]!
    const account = kind === 0 ? hashQuestion(network, query) : mix(network ^ kind)
    // Both are charged, whatever the first says.
    const free = cost === 0 || this.pay(account, cost)
    const freeOfAny = this.costOfAny === 0 || this.pay(mix(network ^ CLASSES.length), this.costOfAny)
    if (free && freeOfAny) return 'send'
    const limited = Atomics.add(this.table, LIMITED, 1) >>> 0
    return config.slip > 0 && limited % config.slip === 0 ? 'slip' : 'drop'
  }

  /** Whether the account has credit for the response; it is charged either way, so that who does not stop stays limited. */
  private pay(account: number, cost: number): boolean {
    const { table, now } = this
    const tag = account | 1
    const slot = this.find(account, tag)
    const owed = table[slot] === tag ? debt(table[slot + 1]!, now, this.deepest) : 0
    const after = Math.min(owed + cost, this.deepest)
    table[slot] = tag
    table[slot + 1] = (now + after) | 0
    return after <= SECOND
  }

  /** The slot of the account, or the one that it may have: a free one, or the one that is even first. */
  private find(account: number, tag: number): number {
    const { table, now } = this
    const first = HEAD + ((account >>> 1) & (SLOTS / WAYS - 1)) * WAYS * 2
    let least = first
    let leastOwed = this.deepest + 1
    for (let slot = first; slot < first + WAYS * 2; slot += 2) {
      if (table[slot] === tag) return slot
      const owed = table[slot] === 0 ? -1 : debt(table[slot + 1]!, now, this.deepest)
      if (owed >= leastOwed) continue
      least = slot
      leastOwed = owed
    }
    return least
  }

  private hashNetwork(address: Uint8Array, config: RateLimitConfig): number {
    const bits = address.length === 4 ? config.ipv4_prefix : config.ipv6_prefix
    let hash = this.table[SEED]! ^ address.length
    const whole = bits >>> 3
    for (let i = 0; i < whole; i++) hash = Math.imul(hash ^ address[i]!, 0x01000193)
    if (bits & 7) hash = Math.imul(hash ^ (address[whole]! >>> (8 - (bits & 7))), 0x01000193)
    return mix(hash)
  }
}

/** Ticks that a response costs at so many in a second. */
function costOf(rate: number): number {
  return rate === 0 ? 0 : Math.max(1, Math.floor(SECOND / rate))
}

/** Ticks until an account is even; what can't be owed is from so long ago that the time has wrapped. */
function debt(evenAt: number, now: number, deepest: number): number {
  const owed = (evenAt - now) | 0
  return owed < 0 || owed > deepest ? 0 : owed
}

/** Index into CLASSES. */
function classOf(message: Uint8Array, at: number): number {
  const rcode = message[at + 3]! & 15
  if (rcode === Rcode.NXDOMAIN) return 2
  if (rcode !== Rcode.NOERROR) return 4
  if (message[at + 6]! !== 0 || message[at + 7]! !== 0) return 0
  const authoritative = (message[at + 2]! & (Flag.AA >>> 8)) !== 0
  return authoritative || message[at + 9] === 0 ? 1 : 3
}

/** RFC 4343 §3: the same name whatever its case. */
function hashQuestion(seed: number, { buf, nameAt, nameLength, qtype }: Query): number {
  let hash = seed ^ qtype
  for (let i = nameAt, end = nameAt + nameLength; i < end; i++) hash = Math.imul(hash ^ LOWER[buf[i]!]!, 0x01000193)
  return mix(hash)
}

function mix(hash: number): number {
  const mixed = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d)
  return mixed ^ (mixed >>> 13)
}
