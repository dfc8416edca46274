import { createPublicKey, verify } from 'node:crypto'
import type { Signer } from '../hierarchy/keystore.ts'
import type { TreeHead } from '../store/record.ts'

/** The TreeHeadDataV2 that is signed (RFC 9162 §4.10): timestamp, size, root hash, no extensions. */
export function treeHeadData({ at, size, root }: Omit<TreeHead, 'signature'>): Uint8Array {
  const head = Buffer.alloc(16)
  head.writeBigUInt64BE(BigInt(at), 0)
  head.writeBigUInt64BE(BigInt(size), 8)
  // NodeHash and extensions are vectors: their length stands before them (RFC 8446 §3.4).
  return Buffer.concat([head, Uint8Array.of(root.length), root, Uint8Array.of(0, 0)])
}

/** Signs what the tree is now. */
export async function signTreeHead(head: Omit<TreeHead, 'signature'>, signer: Signer): Promise<TreeHead> {
  return { ...head, signature: await signer.sign(treeHeadData(head)) }
}

/** Whether the holder of this key (DER SubjectPublicKeyInfo, P-256) signed the head. */
export function isSigned(head: TreeHead, publicKey: Uint8Array): boolean {
  const key = createPublicKey({ key: Buffer.from(publicKey), type: 'spki', format: 'der' })
  return verify('sha256', treeHeadData(head), key, head.signature)
}
