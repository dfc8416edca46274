/** What a certificate is to be for: a DER SubjectPublicKeyInfo, or what makes the key once nothing else stands in the way. */
export type SubjectKey = Uint8Array | (() => Promise<Uint8Array>)

/** The DER SubjectPublicKeyInfo, made now where it is still to be. */
export async function publicKeyFor(key: SubjectKey): Promise<Uint8Array> {
  return typeof key === 'function' ? key() : key
}
