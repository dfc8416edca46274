/** A zone that is meant to be hard: its origin and its master file, and the names to ask for. */
export interface NastyZone {
  origin: string
  text: string
  names: string[]
}

/** A group of zones that refer to each other, from one seed: always the same. */
export function nastyZones(seed: number): NastyZone[] {
  const random = new Random(seed)
  const zone = new Draft(`z${seed}.test.`, random)
  zone.fill(4 + random.below(14))
  const child = random.chance(0.2) ? zone.hostedChild() : undefined
  child?.fill(3 + random.below(6))
  return [zone, ...(child ? [child] : [])].map(draft => draft.finish())
}

/** A linear congruential generator (Knuth's MMIX constants, upper bits). */
export class Random {
  private state: bigint

  constructor(seed: number) {
    this.state = BigInt(seed) * 2654435761n + 1n
    for (let i = 0; i < 4; i++) this.below(2)
  }

  below(limit: number): number {
    this.state = (this.state * 6364136223846793005n + 1442695040888963407n) & 0xffffffffffffffffn
    return Number((this.state >> 33n) % BigInt(limit))
  }

  chance(share: number): boolean {
    return this.below(1000) < share * 1000
  }

  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)]!
  }
}

const LABELS = ['a', 'b', 'c', '*', 'w', 'Ns', 'x']
const KINDS = [
  'A',
  'A',
  'AAAA',
  'TXT',
  'MX',
  'SRV',
  'CNAME',
  'CNAME',
  'CNAME',
  'DNAME',
  'NS',
  'NS',
  'glue',
  'DS',
  'HTTPS',
  'wild',
  'loop',
] as const

/** Types that exclude all others at their owner, or that only some may stand beside. */
class Draft {
  readonly origin: string
  private readonly random: Random
  private readonly lines: string[] = []
  /** Types by owner. */
  private readonly owners = new Map<string, Set<string>>()
  private readonly targets = new Set<string>()
  /** Targets of the apex NS. */
  private readonly servers = new Set<string>()

  constructor(origin: string, random: Random) {
    this.origin = origin
    this.random = random
    const minimum = random.pick([5, 300, 100_000])
    this.add(origin, 'SOA', `ns.${origin} host.${origin} ${1 + random.below(1000)} 3600 600 86400 ${minimum}`)
    this.add(origin, 'NS', `ns.${origin}`)
    this.add(`ns.${origin}`, 'A', '192.0.2.53')
    const second = random.pick([`Ns.a.${origin}`, 'ns.out.invalid.', `w.b.${origin}`])
    // BIND does not load a zone whose own server names lack addresses.
    if (random.chance(0.5) && this.add(origin, 'NS', second) && second.endsWith(origin)) this.add(second, 'A', '')
    if (random.chance(0.04)) this.add(origin, 'DNAME', this.target())
  }

  /** Adds records of `count` random kinds. */
  fill(count: number): void {
    for (let i = 0; i < count; i++) this.one(this.owner())
  }

  /** A child zone that is delegated here and served by the same servers. */
  hostedChild(): Draft | undefined {
    const origin = `kid.${this.origin}`
    if (!this.add(origin, 'NS', `ns.${origin}`)) return undefined
    this.add(`ns.${origin}`, 'A', '192.0.2.99')
    if (this.random.chance(0.5)) this.add(origin, 'DS', DS)
    return new Draft(origin, this.random)
  }

  finish(): NastyZone {
    return { origin: this.origin, text: `${this.lines.join('\n')}\n`, names: [...this.names()] }
  }

  private one(owner: string): void {
    const { random } = this
    const kind = random.pick(KINDS)
    switch (kind) {
      case 'A':
        this.add(owner, 'A', `192.0.2.${random.below(250)}`)
        if (random.chance(0.3)) this.add(owner, 'A', `198.51.100.${random.below(250)}`)
        return
      case 'AAAA':
        this.add(owner, 'AAAA', `2001:db8::${random.below(250)}`)
        return
      case 'TXT':
        this.add(owner, 'TXT', `"text ${random.below(9)}"`)
        return
      case 'MX':
        this.add(owner, 'MX', `10 ${this.target()}`)
        if (random.chance(0.4)) this.add(owner, 'MX', `20 ${this.target()}`)
        return
      case 'SRV':
        this.add(`_x._tcp.${owner}`, 'SRV', `1 2 80 ${this.target()}`)
        return
      case 'HTTPS':
        this.add(owner, 'HTTPS', `1 ${random.chance(0.3) ? '.' : this.target()} port=443`)
        return
      case 'CNAME':
        this.add(owner, 'CNAME', this.target())
        return
      case 'DNAME':
        this.add(owner, 'DNAME', this.target())
        return
      case 'DS':
        this.add(owner, 'DS', DS)
        return
      case 'NS':
      case 'glue':
        this.delegate(owner, kind === 'glue')
        return
      case 'wild':
        // A wildcard below an empty non-terminal, and something beside it.
        this.one(`*.${random.pick(LABELS)}.${owner}`)
        return
      case 'loop':
        this.add(owner, 'CNAME', `a.${owner}`)
        this.add(`*.${owner}`, 'CNAME', random.pick([owner, `b.${owner}`, `${random.pick(LABELS)}.${this.origin}`]))
        return
    }
  }

  private delegate(owner: string, glue: boolean): void {
    const { random } = this
    if (!this.add(owner, 'NS', random.chance(0.6) ? `ns.${owner}` : this.target())) return
    if (random.chance(0.4)) this.add(owner, 'NS', this.target())
    if (random.chance(0.3)) this.add(owner, 'DS', DS)
    if (!glue) return
    this.add(`ns.${owner}`, 'A', `192.0.2.${random.below(250)}`)
    if (random.chance(0.4)) this.add(`ns.${owner}`, 'AAAA', '2001:db8::53')
    // What is below a cut is not the zone's to answer with.
    if (random.chance(0.4)) this.add(`a.${owner}`, random.pick(['A', 'AAAA']), '')
  }

  /** An owner near what is there already. */
  private owner(): string {
    const { random } = this
    const base = random.chance(0.5) ? this.origin : random.pick([...this.owners.keys()])
    let owner = base
    for (let i = random.below(3) + (base === this.origin ? 1 : 0); i > 0; i--) owner = `${random.pick(LABELS)}.${owner}`
    return owner
  }

  /** Somewhere an alias or a server may point: preferably to trouble. */
  private target(): string {
    const { random } = this
    const known = [...this.owners.keys()]
    switch (random.below(8)) {
      case 0:
        return random.pick(['out.invalid.', 'a.b.out.invalid.'])
      case 1:
      case 2:
        return random.pick(known)
      case 3:
        return `${random.pick(LABELS)}.${random.pick(known)}`
      case 4:
        return `q.${random.pick(known).replace(/^\*\./, '')}`
      case 5:
        return `z${random.below(200)}.test.`
      default:
        return this.owner()
    }
  }

  /** Adds a record where the rules of RFC 1034 §3.6.2, RFC 6672 §2.3–2.4 and this test's servers allow it; false where not. */
  private add(owner: string, type: string, data: string): boolean {
    const key = owner.toLowerCase()
    if (owner.length > 200 || !this.allowed(key, type)) return false
    if (data === '') data = type === 'A' ? '192.0.2.77' : '2001:db8::77'
    const types = this.owners.get(key) ?? new Set()
    this.owners.set(key, types.add(type))
    const line = `${owner} ${TTLS[type] ?? 300} IN ${type} ${data}`
    if (this.lines.some(other => other.toLowerCase() === line.toLowerCase())) return true
    this.lines.push(line)
    if (type === 'NS' && key === this.origin) this.servers.add(data.toLowerCase())
    for (const word of data.split(' ')) if (word.endsWith('.') && word.length > 1) this.targets.add(word)
    return true
  }

  private allowed(owner: string, type: string): boolean {
    const types = this.owners.get(owner) ?? new Set()
    if (types.has('CNAME') || (type === 'CNAME' && types.size > 0)) return false
    if (type === 'DNAME' && (types.has('DNAME') || (types.has('NS') && owner !== this.origin))) return false
    // BIND does not load an NS at a wildcard, whose meaning RFC 4592 §4.2 leaves open.
    if (type === 'NS' && (types.has('DNAME') || owner.startsWith('*.'))) return false
    // BIND does not load a DS at the apex, nor at the name of a server of the apex.
    if (type === 'DS' && (!types.has('NS') || owner === this.origin || this.servers.has(owner))) return false
    for (const [other, has] of this.owners) {
      if (has.has('DNAME') && owner.endsWith(`.${other}`)) return false
      if (type === 'DNAME' && other.endsWith(`.${owner}`)) return false
    }
    return true
  }

  /** In and around: every owner, its ancestors, names below and beside it, and where aliases lead. */
  private *names(): Iterable<string> {
    const names = new Set<string>()
    for (const owner of [...this.owners.keys(), ...this.targets]) {
      names.add(owner)
      names.add(`q.${owner}`)
      if (this.random.chance(0.3)) names.add(`q.r.${owner}`)
      if (owner.startsWith('*.')) names.add(`q${owner.slice(1)}`)
      const parent = owner.slice(owner.indexOf('.') + 1)
      if (parent.endsWith(this.origin)) {
        names.add(parent)
        names.add(`q.${parent}`)
        if (this.random.chance(0.3)) names.add(`*.${parent}`)
      }
    }
    for (const name of names) if (name.length < 250) yield this.random.chance(0.1) ? name.toUpperCase() : name
  }
}

const DS = '12345 13 2 0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF'

const TTLS: Record<string, number> = { SOA: 900, NS: 600, CNAME: 60, DNAME: 30 }
