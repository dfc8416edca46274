import fc from 'fast-check'
import t from 'tap'
import {
  consistencyPath,
  inclusionPath,
  isConsistent,
  leafHash,
  MerkleFrontier,
  nodeHash,
  rootFromPath,
  rootOf,
} from '../../../ca/record/merkle.ts'

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
/** The eight leaves of the reference tests of Certificate Transparency logs, and the roots of the trees they grow. */
const LEAVES = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f']
const ROOTS = [
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
]

t.test('roots of growing trees (RFC 9162 §2.1.1)', async t => {
  const leaves = LEAVES.map(text => leafHash(Buffer.from(text, 'hex')))
  const tree = new MerkleFrontier()
  t.equal(hex(tree.root()), 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855', 'the empty tree')
  for (const [i, leaf] of leaves.entries()) {
    tree.add(leaf)
    t.equal(hex(tree.root()), ROOTS[i])
    t.equal(hex(rootOf(leaves.slice(0, i + 1))), ROOTS[i])
    t.equal(tree.size, i + 1)
  }
})

t.test('inclusion proofs lead to the root, and no others do (RFC 9162 §2.1.3)', async t => {
  const leaf = fc.uint8Array({ maxLength: 8 }).map(leafHash)
  const cases = fc
    .array(leaf, { minLength: 1, maxLength: 70 })
    .chain(leaves => fc.tuple(fc.constant(leaves), fc.nat(leaves.length - 1)))
  fc.assert(
    fc.property(cases, ([leaves, index]) => {
      const path = inclusionPath(leaves, index)
      const root = rootFromPath(leaves[index]!, index, leaves.length, path)
      return root !== undefined && hex(root) === hex(rootOf(leaves))
    }),
  )
  fc.assert(
    fc.property(cases, fc.nat(100), fc.nat(7), ([leaves, index], other, bit) => {
      const path = inclusionPath(leaves, index)
      if (path.length === 0) return true
      const bent = path.map((hash, i) =>
        i === other % path.length ? hash.map((byte, j) => (j === 0 ? byte ^ (1 << bit) : byte)) : hash,
      )
      const root = rootFromPath(leaves[index]!, index, leaves.length, bent)
      return root === undefined || hex(root) !== hex(rootOf(leaves))
    }),
  )
  const [a, b] = [leafHash(Buffer.of(1)), leafHash(Buffer.of(2))]
  t.equal(rootFromPath(a, 2, 2, [b]), undefined, 'a place outside the tree')
  t.equal(rootFromPath(a, 0, 2, []), undefined, 'a path that is too short')
  t.equal(rootFromPath(a, 0, 2, [b, b]), undefined, 'a path that is too long')
  t.equal(hex(rootFromPath(a, 0, 2, [b])!), hex(nodeHash(a, b)))
})

t.test('consistency proofs of the reference tree (RFC 9162 §2.1.5)', async t => {
  const leaves = Array.from({ length: 7 }, (_, i) => leafHash(Buffer.of(i)))
  const [a, b, c, d, e, f, j] = leaves
  const [g, h, i] = [nodeHash(a!, b!), nodeHash(c!, d!), nodeHash(e!, f!)]
  const [k, l] = [nodeHash(g, h), nodeHash(i, j!)]
  t.strictSame(consistencyPath(leaves, 3), [c, d, g, l])
  t.strictSame(consistencyPath(leaves, 4), [l])
  t.strictSame(consistencyPath(leaves, 6), [i, j, k])
})

t.test('a tree is shown to have grown from a smaller one, and from no other (RFC 9162 §2.1.4)', async t => {
  const leaf = fc.uint8Array({ maxLength: 8 }).map(leafHash)
  const cases = fc
    .array(leaf, { minLength: 1, maxLength: 70 })
    .chain(leaves => fc.tuple(fc.constant(leaves), fc.integer({ min: 1, max: leaves.length })))
  const tree = (leaves: readonly Uint8Array[]) => ({ size: leaves.length, root: rootOf(leaves) })
  fc.assert(
    fc.property(cases, ([leaves, size]) =>
      isConsistent(tree(leaves.slice(0, size)), tree(leaves), consistencyPath(leaves, size)),
    ),
  )
  fc.assert(
    fc.property(cases, fc.nat(100), ([leaves, size], at) => {
      const path = consistencyPath(leaves, size)
      const [first, second] = [tree(leaves.slice(0, size)), tree(leaves)]
      const bent = (hash: Uint8Array) => hash.map((byte, i) => (i === 0 ? byte ^ 1 : byte))
      const others = path.map((hash, i) => (i === at % path.length ? bent(hash) : hash))
      return (
        !isConsistent({ size, root: bent(first.root) }, second, path) &&
        !isConsistent(first, { size: second.size, root: bent(second.root) }, path) &&
        (path.length === 0 || (!isConsistent(first, second, others) && !isConsistent(first, second, path.slice(1)))) &&
        !isConsistent(first, second, [...path, first.root])
      )
    }),
  )
  const one = tree([leafHash(Buffer.of(1))])
  t.notOk(isConsistent({ size: 0, root: rootOf([]) }, one, []), 'the empty tree proves nothing')
  t.notOk(isConsistent({ size: 2, root: one.root }, one, []), 'a tree does not shrink')
})
