/**
 * Puts the lines of a stream of text together. Each piece is looked at once, however long the line that it belongs to: zones are
 * imported and exported as one.
 */
export class LineReader {
  /** Characters of the line that has begun. */
  length = 0
  private parts: string[] = []

  /** The lines that end in this piece. */
  read(piece: string): string[] {
    const ends = piece.split('\n')
    const rest = ends.pop()!
    const lines = ends.map((end, i) => (i === 0 ? [...this.parts, end].join('') : end))
    if (ends.length > 0) {
      this.parts = []
      this.length = 0
    }
    this.parts.push(rest)
    this.length += rest.length
    return lines
  }
}
