import { readContact } from '../../ca/acme/accounts.ts'
import { decodeBase64url, importKey, parseJws, readPayload, verifyJws } from '../../ca/acme/jws.ts'
import { readCertificateId } from '../../ca/acme/renewal.ts'
import { readIdentifiers, subjectsOf } from '../../ca/permission/subjects.ts'
import { AcmeError } from '../../ca/problems.ts'
import type { FuzzTarget } from './target.ts'

/** What an ACME request is read by: only AcmeError may be thrown, and no signature holds that the seed's key did not make. */
export const jws: FuzzTarget = {
  extension: 'json',
  words: ['"jwk"', '"kid"', '"alg"', '"crit"', 'null', '[]', '{}', 'none', 'HS256', '__proto__', '*.', '\\u0000'].map(
    word => new Uint8Array(Buffer.from(word)),
  ),
  check: async input => {
    await unlessAcmeError(() => readRequest(Buffer.from(input).toString()))
    // The same octets as the payload of a request that is signed rightly.
    await unlessAcmeError(() => readMembers(readPayload(input) ?? {}))
  },
}

async function unlessAcmeError(act: () => unknown): Promise<void> {
  try {
    await act()
  } catch (error) {
    if (!(error instanceof AcmeError)) throw error
    if (error.message.length > 600) throw new Error('the detail of a problem echoes what was sent', { cause: error })
  }
}

async function readRequest(text: string): Promise<void> {
  const request = parseJws(text)
  await unlessAcmeError(() => readMembers(readPayload(request.payload) ?? {}))
  if (!request.header.jwk) return
  const key = await importKey(request.header.jwk)
  await verifyJws(request, key)
}

async function readMembers(payload: Record<string, unknown>): Promise<void> {
  const { identifiers, contact, csr, replaces, externalAccountBinding } = payload
  await unlessAcmeError(() => subjectsOf(readIdentifiers(identifiers, ['dns', 'ip'])))
  await unlessAcmeError(() => readContact(contact, { contact: 'required' }))
  await unlessAcmeError(() => decodeBase64url(csr, '"csr"'))
  await unlessAcmeError(() => readCertificateId(String(replaces)))
  await unlessAcmeError(() => parseJws(externalAccountBinding))
}
