import { ConnectionError, ErrorCode, FRAME_HEADER, MAX_FRAME, readU24, readU31 } from './frames.ts'

/** Takes a frame; its payload lies in `octets[at, end)` and is valid until it returns. False where no more is wanted for now. */
export type OnFrame = (
  type: number,
  flags: number,
  stream: number,
  octets: Uint8Array,
  at: number,
  end: number,
) => boolean

/** Frames out of a stream of octets (RFC 9113 §4.1). Holds no more than what was not asked for yet, and one frame that is not whole. */
export class FrameReader {
  private pieces: Uint8Array[] = []
  private held = 0
  /** Octets without which there is nothing to read. */
  private needed = FRAME_HEADER

  /** Whether a frame has begun that is not whole, or was not read. */
  get partial(): boolean {
    return this.held > 0
  }

  push(chunk: Uint8Array): void {
    if (chunk.length === 0) return
    this.pieces.push(chunk)
    this.held += chunk.length
  }

  /** Hands over each whole frame, in order, until there is none or no more is wanted. Throws ConnectionError for one that is too long. */
  read(onFrame: OnFrame): void {
    if (this.held < this.needed) return
    const octets = this.pieces.length === 1 ? this.pieces[0]! : Buffer.concat(this.pieces, this.held)
    let at = 0
    this.needed = FRAME_HEADER
    while (octets.length - at >= FRAME_HEADER) {
      const length = readU24(octets, at)
      if (length > MAX_FRAME) throw new ConnectionError(ErrorCode.FRAME_SIZE_ERROR, 'a frame is too long')
      const payload = at + FRAME_HEADER
      if (octets.length - payload < length) {
        this.needed = FRAME_HEADER + length
        break
      }
      const [type, flags, stream] = [octets[at + 3]!, octets[at + 4]!, readU31(octets, at + 5)]
      at = payload + length
      if (!onFrame(type, flags, stream, octets, payload, at)) break
    }
    this.held = octets.length - at
    this.pieces = this.held > 0 ? [octets.subarray(at)] : []
  }
}
