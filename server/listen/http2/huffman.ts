/** The Huffman code of HPACK (RFC 7541 §5.2, Appendix B). */

/** Bits of the code of each octet, and of EOS; the code is canonical, so they say all. */
// biome-ignore format: 32 to a line
const LENGTHS = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
  6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
  13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
  15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
  20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
  22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
  26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
  20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
  30,
]
const EOS = 256
const LONGEST = 30
/** A code that the machine below has no state for. */
const FAILED = 0xffff
/** What the machine emits where four bits end no code. */
const NONE = -1

/** The decoder as a machine that takes four bits at a time; a state is a node of the code's tree, the root is 0. No code is shorter than five bits. */
const next = new Uint16Array(EOS * 16).fill(FAILED)
const emitted = new Int16Array(EOS * 16).fill(NONE)
/** RFC 7541 §5.2: what is left at the end are fewer than eight bits, all of them ones. */
const endsWell = new Uint8Array(EOS)
build()

/** Decodes `from[at, end)` into `to` from `into` on; returns where it ends there. -1 where it is no code, or takes more room than there is. */
export function decodeHuffman(from: Uint8Array, at: number, end: number, to: Uint8Array, into: number): number {
  let state = 0
  let written = into
  for (let i = at; i < end; i++) {
    const octet = from[i]!
    for (let shift = 4; shift >= 0; shift -= 4) {
      const step = (state << 4) | ((octet >>> shift) & 15)
      state = next[step]!
      if (state === FAILED) return -1
      const symbol = emitted[step]!
      if (symbol === NONE) continue
      if (written === to.length) return -1
      to[written++] = symbol
    }
  }
  return endsWell[state] === 1 ? written : -1
}

type Node = [Tree, Tree]
type Tree = Node | number

function build(): void {
  const [root, nodes] = tree()
  const states = new Map(nodes.map((node, state) => [node, state]))
  for (const [node, state] of states)
    for (let nibble = 0; nibble < 16; nibble++) {
      let at: Tree = node
      for (let bit = 3; bit >= 0 && at !== EOS; bit--) {
        at = at[(nibble >>> bit) & 1]!
        if (typeof at !== 'number' || at === EOS) continue
        emitted[(state << 4) | nibble] = at
        at = root
      }
      if (at !== EOS) next[(state << 4) | nibble] = states.get(at as Node)!
    }
  for (let at: Tree = root, depth = 0; depth < 8; depth++, at = at[1] as Node) endsWell[states.get(at)!] = 1
}

/** The code's tree, and all its inner nodes, the root first. */
function tree(): [Node, Node[]] {
  const root = [] as unknown as Node
  const nodes = [root]
  let code = 0
  for (let length = 1; length <= LONGEST; length++, code *= 2)
    for (let symbol = 0; symbol <= EOS; symbol++) {
      if (LENGTHS[symbol] !== length) continue
      let at = root
      for (let bit = length - 1; bit > 0; bit--) {
        const side = (code >>> bit) & 1
        if (at[side] === undefined) nodes.push((at[side] = [] as unknown as Node))
        at = at[side] as Node
      }
      at[code & 1] = symbol
      code++
    }
  return [root, nodes]
}
