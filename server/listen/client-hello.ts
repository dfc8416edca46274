/** What a client of TLS says first (RFC 8446 §4.1.2), as far as it tells who should serve it. */
export interface ClientHello {
  /** The host that it asks for (RFC 6066 §3), in lower case. */
  serverName?: string
  /** What it would speak (RFC 7301 §3.1), in its order; none where it does not say. */
  protocols: string[]
}

const HANDSHAKE = 22
const CLIENT_HELLO = 1
/** RFC 8446 §5.1: octets before a record's content, and the most of that. */
const RECORD_HEADER = 5
const MOST_CONTENT = 2 ** 14
/** Octets before a handshake message's content; a ClientHello begins with its version and random. */
const MESSAGE_HEADER = 4
const VERSION_AND_RANDOM = 34
const SERVER_NAME = 0
const HOST_NAME = 0
const PROTOCOLS = 16

/**
 * Reads the ClientHello that a connection begins with: undefined where it is not whole yet, null where there is none, it is malformed, or it takes
 * more than one record, as none does that a client sends today. Nothing in it is proved: the handshake reads it again.
 */
export function readClientHello(octets: Uint8Array): ClientHello | undefined | null {
  if (octets.length > 0 && octets[0] !== HANDSHAKE) return null
  if (octets.length < RECORD_HEADER) return undefined
  const size = (octets[3]! << 8) | octets[4]!
  if (size < MESSAGE_HEADER || size > MOST_CONTENT) return null
  if (octets.length < RECORD_HEADER + size) return undefined
  const record = new Reader(octets.subarray(RECORD_HEADER, RECORD_HEADER + size))
  try {
    if (record.number(1) !== CLIENT_HELLO) return null
    return readFields(record.part(3))
  } catch (error) {
    if (error instanceof RangeError) return null
    throw error
  }
}

function readFields(hello: Reader): ClientHello {
  hello.skip(VERSION_AND_RANDOM)
  // Session, cipher suites, compression methods.
  for (const size of [1, 2, 1]) hello.part(size)
  const found: ClientHello = { protocols: [] }
  if (hello.ended) return found
  for (const extensions = hello.part(2); !extensions.ended; ) {
    const type = extensions.number(2)
    const content = extensions.part(2)
    if (type === SERVER_NAME) Object.assign(found, readServerName(content.part(2)))
    else if (type === PROTOCOLS) found.protocols = readProtocols(content.part(2))
  }
  return found
}

function readServerName(names: Reader): { serverName?: string } {
  while (!names.ended) {
    const type = names.number(1)
    const name = names.part(2).text()
    if (type === HOST_NAME) return { serverName: name.toLowerCase() }
  }
  return {}
}

function readProtocols(list: Reader): string[] {
  const protocols: string[] = []
  while (!list.ended) protocols.push(list.part(1).text())
  return protocols
}

/** Reads one thing after the other; throws RangeError at the end. */
class Reader {
  private readonly octets: Uint8Array
  private at = 0

  constructor(octets: Uint8Array) {
    this.octets = octets
  }

  get ended(): boolean {
    return this.at === this.octets.length
  }

  skip(count: number): void {
    if (this.at + count > this.octets.length) throw new RangeError('the message ends early')
    this.at += count
  }

  /** A number of `size` octets. */
  number(size: number): number {
    const from = this.at
    this.skip(size)
    return this.octets.subarray(from, this.at).reduce((sum, octet) => sum * 256 + octet, 0)
  }

  /** A vector (RFC 8446 §3.4) whose length takes `size` octets. */
  part(size: number): Reader {
    const length = this.number(size)
    const from = this.at
    this.skip(length)
    return new Reader(this.octets.subarray(from, this.at))
  }

  text(): string {
    return Buffer.from(this.octets).toString('latin1')
  }
}
