declare module 'siphash' {
  const siphash: {
    /** SipHash-2-4 of `message`; the key is four words, the first octet of each the lowest. */
    hash(key: Uint32Array, message: Uint8Array): { h: number; l: number }
  }
  export default siphash
}
