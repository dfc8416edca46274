import { OptionCode } from '../../dns/codes.ts'
import { writeMessage } from '../../dns/message.ts'
import { parseName } from '../../dns/name.ts'
import { Type } from '../../dns/types.ts'
import { type Clock, systemClock } from '../../host/clock.ts'
import type { ZoneImage } from '../../zones/zone.ts'
import { imageOf } from '../zones/ask.ts'
import { signedImage } from '../zones/signed-image.ts'
import { Handling } from './handling.ts'

/** One kind of query, as many as are wanted of it. */
export interface QueryKind {
  id: string
  name: string
  zone: ZoneKind
  type: number
  edns?: { dnssecOk: boolean; cookie: boolean }
  /** The first label of the i-th name. */
  label(i: number): string
  /** Each name is asked for once, ever. */
  fresh?: boolean
}

/** Without signatures, signed with NSEC, or with NSEC3. */
export type ZoneKind = 'plain' | 'nsec' | 'nsec3'

const APEX = 'kinds.test.'
const NAMES = 1000
/** Client cookies. */
const CLIENTS = 4
const HEAD = '$TTL 300\n@ SOA ns1 hostmaster 1 3600 600 86400 300\n@ NS ns1\nns1 A 127.0.0.1\n'
const DNSKEY = '@ DNSKEY 257 3 15 l02Woi0iS8Aa25FQkUd9RMzZHJpBoRQwAQEX1SxZJA4=\n'
const DNSSEC = { dnssecOk: true, cookie: false }

const host = (i: number) => `h${i % NAMES}`
/** Room for the letters that make it a name that nobody has asked for. */
const absent = () => 'xxxxxxxx'

export const QUERY_KINDS: readonly QueryKind[] = [
  { id: 'hit', name: 'hit', zone: 'plain', type: Type.A, label: host },
  {
    id: 'cookie',
    name: 'hit, cookie',
    zone: 'plain',
    type: Type.A,
    label: host,
    edns: { dnssecOk: false, cookie: true },
  },
  { id: 'no-data', name: 'hit, no data', zone: 'plain', type: Type.TXT, label: host },
  { id: 'signed', name: 'hit, signed', zone: 'nsec', type: Type.A, label: host, edns: DNSSEC },
  { id: 'absent', name: 'name that is absent', zone: 'plain', type: Type.A, label: absent, fresh: true },
  { id: 'absent-nsec', name: 'the same, NSEC', zone: 'nsec', type: Type.A, label: absent, fresh: true, edns: DNSSEC },
  {
    id: 'absent-nsec3',
    name: 'the same, NSEC3',
    zone: 'nsec3',
    type: Type.A,
    label: absent,
    fresh: true,
    edns: DNSSEC,
  },
]

/** Zones of 1,000 names. */
export async function kindZones(): Promise<Record<ZoneKind, ZoneImage>> {
  const text = `${HEAD}${Array.from({ length: NAMES }, (_, i) => `${host(i)} A 10.0.${i >> 8}.${i & 255}\n`).join('')}`
  return {
    plain: imageOf(APEX, text),
    nsec: await signedImage(APEX, `${text}${DNSKEY}`, false),
    nsec3: await signedImage(APEX, `${text}${DNSKEY}`, true),
  }
}

/** Puts queries of one kind to a handler, one after another, without making anything for one. */
export class Asking {
  private readonly handling: Handling
  private readonly wires: readonly Uint8Array[]
  private readonly fresh: boolean
  private asked = 0

  constructor(kind: QueryKind, image: ZoneImage, clock: Clock = systemClock) {
    this.handling = new Handling({ config: CONFIG, images: [image], clock })
    this.wires = Array.from({ length: NAMES }, (_, i) => wireOf(kind, i))
    this.fresh = kind.fresh ?? false
  }

  /** Asks so many, in batches as a socket's. */
  ask(count: number): void {
    for (let i = 0; i < count; i++, this.asked++) {
      if (this.asked % BATCH === 0) this.handling.handler.beforeBatch()
      const wire = this.wires[this.asked % NAMES]!
      if (this.fresh) numberLabel(wire, this.asked)
      if (this.handling.ask(wire) <= 0) throw new Error('a query was not answered')
    }
  }
}

const BATCH = 16
/** Rate limits count, and stop nothing. */
const CONFIG = `
name: ns1.kinds.test
rate_limit: { responses: 32000, nodata: 0, nxdomains: 0, errors: 0 }
views:
  - { name: inside, match: { clients: [10.0.0.0/8] }, zones: [{ name: kinds.test, file: x }] }
  - { name: outside, match: { clients: [any] }, zones: [{ name: kinds.test, file: x }] }
`

function wireOf({ label, type, edns }: QueryKind, i: number): Uint8Array {
  const data = Uint8Array.from({ length: 8 }, (_, j) => (i % CLIENTS) + j)
  const options = edns?.cookie ? [{ code: OptionCode.COOKIE, data }] : []
  return writeMessage({
    id: i,
    flags: 0,
    opcode: 0,
    rcode: 0,
    question: [{ name: parseName(`${label(i)}.${APEX}`), type, class: 1 }],
    answer: [],
    authority: [],
    additional: [],
    ...(edns && { edns: { udpSize: 1232, version: 0, dnssecOk: edns.dnssecOk, options } }),
  })
}

/** Writes a number in letters over the label of eight that the question begins with. */
function numberLabel(wire: Uint8Array, number: number): void {
  for (let i = 0, left = number; i < 8; i++, left = Math.floor(left / 26)) wire[13 + i] = 97 + (left % 26)
}
