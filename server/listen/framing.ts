/** Messages out of a TCP stream: each is preceded by its length in two octets (RFC 1035 §4.2.2). */
export class FrameReader {
  private readonly length = new Uint8Array(2)
  private lengthRead = 0
  private message = EMPTY
  private messageRead = 0

  /** Octets of a message that has begun but is not whole. */
  get partial(): boolean {
    return this.lengthRead > 0
  }

  /**
   * Hands each whole message in `chunk` from `at` to `accept`, in order, until that returns false. Returns how far the chunk was read.
   * A message that lies whole in the chunk is not copied: `accept` gets the chunk and the message's place in it.
   */
  read(chunk: Uint8Array, at: number, accept: (octets: Uint8Array, at: number, end: number) => boolean): number {
    let from = at
    while (from < chunk.length) {
      if (this.lengthRead < 2) {
        this.length[this.lengthRead++] = chunk[from++]!
        if (this.lengthRead < 2) continue
        const size = (this.length[0]! << 8) | this.length[1]!
        const end = from + size
        if (end <= chunk.length) {
          this.lengthRead = 0
          if (!accept(chunk, from, end)) return end
          from = end
        } else {
          this.message = new Uint8Array(size)
          this.messageRead = 0
        }
        continue
      }
      const part = chunk.subarray(from, from + this.message.length - this.messageRead)
      this.message.set(part, this.messageRead)
      this.messageRead += part.length
      from += part.length
      if (this.messageRead < this.message.length) continue
      const whole = this.message
      this.message = EMPTY
      this.lengthRead = 0
      if (!accept(whole, 0, whole.length)) return from
    }
    return from
  }
}

const EMPTY = new Uint8Array(0)

/** A message with its length in front, as one piece: RFC 7766 §8 asks for both in one segment. */
export function frame(octets: Uint8Array, at = 0, length = octets.length): Uint8Array {
  const framed = Buffer.allocUnsafe(length + 2)
  framed[0] = length >>> 8
  framed[1] = length
  framed.set(octets.subarray(at, at + length), 2)
  return framed
}
