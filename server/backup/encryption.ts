import { Decrypter, Encrypter } from 'age-encryption'

/** How a backup is encrypted, by age (age-encryption.org/v1): for whoever has the passphrase, or for recipients; as it is where neither is given. */
export interface Encryption {
  passphrase?: string
  /** "age1…" */
  recipients?: readonly string[]
}

/** What opens an encrypted backup: the passphrase, or the text of an age identity file ("AGE-SECRET-KEY-1…"). */
export interface Decryption {
  passphrase?: string
  identities?: string
}

/** An encrypted backup that can't be opened with what was given. */
export class DecryptionError extends Error {
  override name = 'DecryptionError'
  readonly code = 'decryption'
}

const HEADER = 'age-encryption.org/v1\n'

/** Whether the file that begins so is encrypted by age. */
export function isEncrypted(beginning: Uint8Array): boolean {
  return Buffer.from(beginning.subarray(0, HEADER.length)).toString('latin1') === HEADER
}

/** Throws Error where a recipient is none. */
export async function encrypt(
  plain: ReadableStream<Uint8Array>,
  encryption: Encryption,
): Promise<ReadableStream<Uint8Array>> {
  const { passphrase, recipients = [] } = encryption
  if (passphrase === undefined && recipients.length === 0) return plain
  const encrypter = new Encrypter()
  if (passphrase !== undefined) encrypter.setPassphrase(passphrase)
  for (const recipient of recipients) encrypter.addRecipient(recipient)
  return encrypter.encrypt(plain)
}

/** Each piece is authenticated before it is given, and so is the end. Throws DecryptionError. */
export async function decrypt(
  sealed: ReadableStream<Uint8Array>,
  { passphrase, identities }: Decryption,
): Promise<ReadableStream<Uint8Array>> {
  const decrypter = new Decrypter()
  const lines = (identities ?? '').split('\n').map(line => line.trim())
  const keys = lines.filter(line => line !== '' && !line.startsWith('#'))
  if (passphrase === undefined && keys.length === 0)
    throw new DecryptionError('the backup is encrypted: give its passphrase or an age identity')
  try {
    if (passphrase !== undefined) decrypter.addPassphrase(passphrase)
    for (const key of keys) decrypter.addIdentity(key)
    return await decrypter.decrypt(sealed)
  } catch (error) {
    throw new DecryptionError(`the backup can't be opened with that: ${(error as Error).message}`)
  }
}

/** Whether encryption for these would work; the complaint, where not. */
export function complaintOfRecipients(recipients: readonly string[]): string | undefined {
  for (const recipient of recipients)
    try {
      new Encrypter().addRecipient(recipient)
    } catch {
      return `"${recipient}" is not an age recipient: age1…`
    }
  return undefined
}
