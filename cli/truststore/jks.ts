import { createHash } from 'node:crypto'

/** A certificate that is to be trusted, in DER, under a name of its own. */
export interface TrustedCertificate {
  alias: string
  der: Uint8Array
}

const MAGIC = 0xfeedfeed
const VERSION = 2
const TRUSTED_CERTIFICATE = 2

/** A Java trust store of the JKS kind. The password only guards against damage: certificates are not secret. */
export function writeJks(certificates: readonly TrustedCertificate[], password: string, now: number): Uint8Array {
  const content = Buffer.concat([
    u32(MAGIC),
    u32(VERSION),
    u32(certificates.length),
    ...certificates.map(one => entry(one, now)),
  ])
  // The keyed digest that Java's JavaKeyStore computes over the password, a fixed phrase and the content.
  const digest = createHash('sha1').update(Buffer.from(password, 'utf16le').swap16())
  return Buffer.concat([content, digest.update('Mighty Aphrodite').update(content).digest()])
}

function entry({ alias, der }: TrustedCertificate, now: number): Buffer {
  const created = Buffer.alloc(8)
  created.writeBigInt64BE(BigInt(now))
  return Buffer.concat([
    u32(TRUSTED_CERTIFICATE),
    text(alias.toLowerCase()),
    created,
    text('X.509'),
    u32(der.length),
    der,
  ])
}

function u32(value: number): Buffer {
  const octets = Buffer.alloc(4)
  octets.writeUInt32BE(value)
  return octets
}

function text(value: string): Buffer {
  const octets = Buffer.from(value)
  const length = Buffer.alloc(2)
  length.writeUInt16BE(octets.length)
  return Buffer.concat([length, octets])
}
