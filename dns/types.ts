import type { Reader, Writer } from './wire.ts'

/** Placeholder until the record table lands: RDATA as opaque octets (RFC 3597). */
export function decompressRdata(_type: number, _class: number, reader: Reader, length: number): Uint8Array {
  return reader.bytes(length)
}
export function writeRdata(_type: number, writer: Writer, rdata: Uint8Array): void {
  writer.bytes(rdata)
}
