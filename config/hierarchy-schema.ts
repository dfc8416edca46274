import { nameConstraints } from './constraints-schema.ts'
import { type Decoded, defaulted, type Kind, optional, record, required } from './kinds.ts'
import { type TokenKey, tokenKey } from './pkcs11.ts'
import { policies } from './profile-schema.ts'
import { pem, secret } from './secret.ts'
import { choice, duration, file } from './values.ts'

const keyAlgorithm = choice('ecdsa-p256', 'ecdsa-p384', 'ed25519', 'rsa-2048', 'rsa-3072', 'rsa-4096')
/** What kind of key is generated. */
export type KeyAlgorithm = Decoded<typeof keyAlgorithm>

/** Where the private key of a CA is. */
export type KeySource = { pem: string } | { pkcs11: TokenKey } | { offline: true }

const keySource: Kind<KeySource> = {
  json: { anyOf: [pem.json, tokenKey.json] },
  label: '`{ file: PATH }`, `{ pkcs11: URI }` or `offline`',
  decode(source, context) {
    if (source.kind === 'scalar' && source.value === 'offline') return { offline: true }
    if (source.kind === 'map' && source.entries.has('pkcs11')) {
      const pkcs11 = tokenKey.decode(source, context)
      return pkcs11 && { pkcs11 }
    }
    const key = pem.decode(source, context)
    return key === undefined ? undefined : { pem: key }
  },
}

const pkcs12 = record({
  file: required(file, 'the file'),
  passphrase: defaulted(secret, '', 'what it is encrypted with'),
})

/** The trust anchor as it stands in the config. */
export const root = record(
  {
    generate: defaulted(keyAlgorithm, 'ecdsa-p384', 'the kind of key made at first start'),
    validity: defaulted(duration, '3650d', 'how long its certificate is valid'),
    certificate: optional(pem, 'the certificate of a root that exists already'),
    pkcs12: optional(pkcs12, 'instead: that certificate and its key in one PKCS#12 file'),
    key: optional(
      keySource,
      'the key of that root; without a certificate, the token in which the key is found, or made at first start',
    ),
  },
  ({ certificate, key, pkcs12 }) => {
    if (pkcs12)
      return certificate || key ? 'a PKCS#12 file holds certificate and key: give neither beside it' : undefined
    if (certificate) return key ? undefined : 'an imported root needs both certificate and key'
    return key && !('pkcs11' in key) ? 'a key without its certificate can only be in a PKCS#11 token' : undefined
  },
)
/** The trust anchor of our certificates. */
export type RootConfig = Decoded<typeof root>

/** Which roots sign which others, as it stands in the config. */
export const crossSigning = choice('none', 'forward', 'both')
/** Which roots sign which others. */
export type CrossSigning = Decoded<typeof crossSigning>

/** A root that signed before. */
export interface FormerRootConfig {
  /** PEM. */
  certificate: string
  key?: KeySource
}

const formerWithKey = record({
  certificate: required(pem, 'its certificate'),
  key: optional(keySource, 'its key, to sign the root that follows'),
})

/** Its certificate, or a map that has its key, too. */
export const formerRoot: Kind<FormerRootConfig> = {
  json: { anyOf: [pem.json, formerWithKey.json] },
  label: 'path of a PEM file, or map of `certificate` and `key`',
  decode(source, context) {
    if (source.kind === 'map' && source.entries.has('certificate')) return formerWithKey.decode(source, context)
    const certificate = pem.decode(source, context)
    return certificate === undefined ? undefined : { certificate }
  },
}

/** The certificate that signs the others, as it stands in the config. */
export const intermediate = record({
  generate: defaulted(keyAlgorithm, 'ecdsa-p256', 'the kind of key made'),
  validity: defaulted(
    duration,
    '365d',
    'how long its certificate is valid; it is renewed while the longest profile still fits',
  ),
  key: optional(
    tokenKey,
    'the PKCS#11 token in which its keys are made, each labelled `object` and a number; left out: they are files',
  ),
  name_constraints: optional(
    nameConstraints,
    'the only domains below which it may certify names, or what else is permitted and excluded (RFC 5280 §4.2.1.10)',
  ),
  policies: defaulted(
    policies,
    [],
    'the policies under which it certifies (RFC 5280 §4.2.1.4); those of profiles must be among them',
  ),
})
/** The certificate that signs the others. */
export type IntermediateConfig = Decoded<typeof intermediate>
