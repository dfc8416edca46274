import type { Subtree } from '../../config/constraints-schema.ts'
import type { Clock } from '../../host/clock.ts'
import type { Log } from '../../host/log.ts'
import type { Random } from '../../host/random.ts'
import type { Identifier } from '../identifier.ts'
import { IssueError } from '../issue/issue.ts'
import { wholeSeconds } from '../issue/profiles.ts'
import type { CertificateRecord, CertificateStore, Circumstances } from '../store/certificate-store.ts'
import { distinguishedName, type SubjectFields } from '../x509/distinguished-name.ts'
import {
  authorityKeyIdentifier,
  basicConstraints,
  keyUsage,
  nameConstraints,
  subjectAltName,
  subjectKeyIdentifier,
} from '../x509/extensions.ts'
import { keyIdentifier } from '../x509/public-key.ts'
import { encodeTbsCertificate, fingerprint, formatSerial, signStructure } from '../x509/x509.ts'
import { CA_USAGE, pointersTo } from './ca-certificate.ts'
import type { Hierarchy } from './hierarchy.ts'

/** A CA of somebody else's that is to be below our root: SPIRE's, for one. */
export interface SubordinateRequest {
  /** DER SubjectPublicKeyInfo, as `readCsr` gives it. */
  publicKey: Uint8Array
  subject: SubjectFields
  /** Names of its own. */
  identifiers: readonly Identifier[]
  /** What it may certify, and what not; it may certify no further CA. */
  permitted: readonly Subtree[]
  excluded: readonly Subtree[]
  /** Milliseconds; it ends with the root at the latest. */
  validity: number
  /** Stands for a profile in lists and in the record. */
  kind: string
  circumstances?: Circumstances
}

/** For clocks that are slow where the new CA is to be trusted. */
const BACKDATE = 60_000

/** Signs a CA certificate with the root's key: reserve the serial → build → sign → store → log. Throws IssueError. */
export async function issueSubordinate(
  deps: {
    hierarchy: Hierarchy
    store: CertificateStore
    httpUrl: string | undefined
    clock: Clock
    random: Random
    log: Log
  },
  request: SubordinateRequest,
): Promise<CertificateRecord> {
  const { hierarchy, store, clock, random, log, httpUrl } = deps
  const { root } = hierarchy
  const now = clock.now()
  const latest = await store.latestIssuance()
  if (now < root.notBefore || now < latest - BACKDATE)
    throw new IssueError('clock', 'the clock is behind what the CA has issued already; set it right')
  const notBefore = Math.max(wholeSeconds(now - BACKDATE), root.notBefore)
  const notAfter = Math.min(wholeSeconds(now + request.validity) - 1000, root.notAfter)
  if (notAfter <= now) throw new IssueError('expired', 'the root has expired; make a new one')
  const { publicKey, subject, identifiers, permitted, excluded, kind } = request
  const serial = formatSerial(random.bytes(16))
  await store.reserveSerial({ serial, issuer: root.id, reservedAt: now })
  const template = {
    ...{ serial, issuer: root.subject, subject: distinguishedName(subject), notBefore, notAfter, publicKey },
    extensions: [
      basicConstraints(true, 0),
      keyUsage(CA_USAGE),
      subjectKeyIdentifier(keyIdentifier(publicKey)),
      authorityKeyIdentifier(root.id),
      ...pointersTo(root, httpUrl),
      ...(identifiers.length > 0 ? [subjectAltName(identifiers, Object.keys(subject).length === 0)] : []),
      nameConstraints(permitted, excluded),
    ],
  }
  const der = await signStructure(encodeTbsCertificate(template, root.signer.algorithm), root.signer)
  const record: CertificateRecord = {
    ...{ serial, issuer: root.id, profile: kind, identifiers: [...identifiers], notBefore, notAfter },
    ...{ issuedAt: now, der, keyHash: fingerprint(publicKey) },
  }
  await store.storeCertificate(record, request.circumstances)
  log.info(
    { serial, kind, issuer: root.commonName, notAfter: new Date(notAfter).toISOString() },
    'CA certificate issued',
  )
  return record
}
