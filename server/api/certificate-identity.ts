import { type Identifier, nameOfIdentifier } from '../../ca/identifier.ts'
import type { CertificateRecord } from '../../ca/store/certificate-store.ts'
import type { CertificateIdentity } from '../../config/api-schema.ts'
import { matchesPattern } from '../../config/pattern.ts'
import { coversUri } from '../../config/uri-pattern.ts'
import type { Token } from './tokens.ts'

/** What stands for a token where a certificate of ours was shown, which must hold; undefined where the configuration means nobody by its names. */
export function identityOf(
  { serial, identifiers, notBefore, notAfter }: CertificateRecord,
  identities: readonly CertificateIdentity[],
): Token | undefined {
  const found = identities.find(one => identifiers.some(identifier => isMeant(one, identifier)))
  if (!found) return undefined
  const { name, role, zones, views, from } = found
  return {
    ...{ id: serial, kind: 'certificate', name, zones, roles: [role], views, from },
    ...{ created: notBefore, expires: notAfter },
  }
}

function isMeant({ names, uris }: CertificateIdentity, identifier: Identifier): boolean {
  if (identifier.type === 'uri') return uris.some(pattern => coversUri(pattern, identifier.value))
  if (identifier.type !== 'dns') return false
  const name = nameOfIdentifier(identifier)
  // A wildcard certificate is for many hosts: it stands for none of them.
  return names.some(pattern => matchesPattern(pattern, name, undefined, { wildcards: false }))
}
