import { generateKeyPairSync, type KeyObject } from 'node:crypto'

/** A private key for the DNSSEC algorithm with this number, without waiting: no time passes on a simulated clock. */
export function newKey(algorithm: number): KeyObject {
  switch (algorithm) {
    case 13:
      return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
    case 14:
      return generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey
    case 15:
      return generateKeyPairSync('ed25519').privateKey
    case 16:
      return generateKeyPairSync('ed448').privateKey
    default:
      return generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
  }
}
