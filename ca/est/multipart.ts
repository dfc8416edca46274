/** A part of a multipart body: its media type and its DER. */
export interface Part {
  type: string
  der: Uint8Array
}

/** No line of base64 begins with a hyphen. */
const BOUNDARY = 'namestead-part'

/** Octets of base64 in a line (RFC 2045 §6.8). */
const LINE = /.{1,76}/g

/** The media type of what `multipartOf` makes. */
export const MULTIPART_TYPE = `multipart/mixed; boundary=${BOUNDARY}`

/** The multipart/mixed body of these parts (RFC 2046 §5.1), each in base64. */
export function multipartOf(parts: readonly Part[]): string {
  const printed = parts.map(({ type, der }) => {
    const lines = Buffer.from(der).toString('base64').match(LINE) ?? []
    const head = [`--${BOUNDARY}`, `Content-Type: ${type}`, 'Content-Transfer-Encoding: base64', '']
    return [...head, ...lines, ''].join('\r\n')
  })
  return `${printed.join('')}--${BOUNDARY}--\r\n`
}
