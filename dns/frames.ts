/** A message with its length in two octets before it (RFC 1035 §4.2.2), in one piece (RFC 7766 §8). */
export function frame(message: Uint8Array): Uint8Array {
  const framed = new Uint8Array(message.length + 2)
  framed[0] = message.length >>> 8
  framed[1] = message.length
  framed.set(message, 2)
  return framed
}

/** Cuts a byte stream into messages. Holds at most one unfinished message of 65,535 octets. */
export interface FrameReader {
  /** The messages that this chunk completes. */
  push(chunk: Uint8Array): Uint8Array[]
}

export function createFrameReader(): FrameReader {
  const length = new Uint8Array(2)
  let lengthHeld = 0
  let body = new Uint8Array(0)
  let bodyHeld = 0

  function push(chunk: Uint8Array): Uint8Array[] {
    const messages: Uint8Array[] = []
    for (let at = 0; at < chunk.length; ) {
      if (lengthHeld < 2) {
        length[lengthHeld++] = chunk[at++]!
        if (lengthHeld < 2) continue
        body = new Uint8Array((length[0]! << 8) | length[1]!)
        bodyHeld = 0
      }
      const taken = Math.min(body.length - bodyHeld, chunk.length - at)
      body.set(chunk.subarray(at, at + taken), bodyHeld)
      bodyHeld += taken
      at += taken
      if (bodyHeld < body.length) continue
      messages.push(body)
      lengthHeld = 0
    }
    return messages
  }

  return { push }
}
