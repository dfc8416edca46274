import { EnrolmentError } from '../enrolment/error.ts'
import { isMade, makeKey } from '../hierarchy/keystore.ts'
import type { Profile } from '../issue/profiles.ts'
import { AcmeError } from '../problems.ts'
import type { RequestedContent } from '../x509/csr.ts'
import { derBlocks } from '../x509/x509.ts'

/** A key that is made for a client (RFC 7030 §4.4), once. */
export interface ServerKey {
  /** Makes it; its DER SubjectPublicKeyInfo. */
  make(): Promise<Uint8Array>
  /** DER PrivateKeyInfo (RFC 5958) of what was made: handed out, and kept nowhere. */
  privateKey(): Uint8Array
}

/** What a client may ask for that we can't do: its key encrypted for it within TLS (RFC 7030 §4.4.1.1, §4.4.1.2). */
const ENCRYPTED: Readonly<Record<string, string>> = {
  '1.2.840.113549.1.9.16.2.37': 'DecryptKeyIdentifier',
  '1.2.840.113549.1.9.16.2.54': 'AsymmetricDecryptKeyIdentifier',
}

/** The key for a request under this profile, not made yet. Throws EnrolmentError where the profile has none made, and AcmeError (`badCSR`). */
export function serverKey({ attributes }: RequestedContent, profile: Profile): ServerKey {
  if (!profile.server_keys)
    throw new EnrolmentError('refused', `for the profile "${profile.name}" clients make their keys themselves`)
  // RFC 7030 §4.4.1.1, §4.4.1.2: where the server has no key by that identifier, the request must end in an error.
  for (const [oid, name] of Object.entries(ENCRYPTED))
    if (attributes.has(oid))
      throw new AcmeError('badCSR', `no key of the client's is known here to encrypt by: ask without ${name}`)
  let made: Uint8Array | undefined
  return {
    async make() {
      const { pem, signer } = await makeKey(profile.keys.find(isMade)!)
      made = derBlocks('PRIVATE KEY', pem)[0]!
      return signer.publicKey
    },
    privateKey: () => made!,
  }
}
