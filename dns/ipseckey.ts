import { ipv4, ipv6 } from './address.ts'
import { TextError, WireError } from './errors.ts'
import { type Field, name, u8 } from './fields.ts'
import type { Name } from './name.ts'
import { parseBase64, parseNumber, printBase64 } from './text.ts'
import type { Tokens } from './tokens.ts'
import type { Reader, Writer } from './wire.ts'

/** IPSECKEY's gateway: none, an address or a name, and the algorithm, which lies between the gateway's type and itself (RFC 4025 §2.1). */
export interface IpsecGateway {
  type: number
  algorithm: number
  gateway: Uint8Array | Name | undefined
}

/** By gateway type (RFC 4025 §2.3). */
const GATEWAYS: readonly Field<Uint8Array | undefined>[] = [
  {
    read: () => undefined,
    write: () => {},
    print: () => '.',
    parse: tokens => {
      const text = tokens.word('a gateway')
      if (text !== '.') throw new TextError(`"${text}" where "." stands for no gateway`)
      return undefined
    },
  },
  ipv4 as Field<Uint8Array | undefined>,
  ipv6 as Field<Uint8Array | undefined>,
  name() as Field<Uint8Array | undefined>,
]

/** Gateway type, algorithm and gateway, of which the first decides the format of the last. */
export const ipsecGateway: Field<IpsecGateway> = {
  read: (reader: Reader) => {
    const type = reader.u8()
    const algorithm = reader.u8()
    const kind = GATEWAYS[type]
    if (!kind) throw new WireError(`a gateway of unknown type ${type}`, reader.pos - 2)
    return { type, algorithm, gateway: kind.read(reader) }
  },
  write: (writer: Writer, { type, algorithm, gateway }) => {
    writer.u8(type)
    writer.u8(algorithm)
    GATEWAYS[type]!.write(writer, gateway)
  },
  print: ({ type, algorithm, gateway }) => `${type} ${algorithm} ${GATEWAYS[type]!.print(gateway)}`,
  parse: (tokens: Tokens, origin) => {
    const type = parseNumber(tokens.word('a gateway type'), GATEWAYS.length - 1, 'a gateway type')
    const algorithm = u8.parse(tokens, origin)
    return { type, algorithm, gateway: GATEWAYS[type]!.parse(tokens, origin) }
  },
}

/** The public key, which may be absent (RFC 4025 §3.1). */
export const optionalKey: Field<Uint8Array> = {
  read: reader => reader.rest(),
  write: (writer, value) => writer.bytes(value),
  print: printBase64,
  parse: tokens => (tokens.more ? parseBase64(tokens.rest('a key')) : new Uint8Array()),
}
