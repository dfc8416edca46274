import { readCertificate } from '../x509/certificate-facts.ts'
import { derBlocks, fingerprint, formatSerial } from '../x509/x509.ts'
import { authorityCertificate, type CaCertificate } from './ca-certificate.ts'
import { type HierarchyDeps, HierarchyError } from './deps.ts'
import type { Signer } from './keystore.ts'

/** A CA certificate in PEM with its key, both checked; `origin` names it in errors. */
export function openCertificate(pem: string, signer: Signer, origin: string, deps: HierarchyDeps): CaCertificate {
  const [der] = derBlocks('CERTIFICATE', pem)
  if (!der) throw new HierarchyError(`${origin} holds no certificate in PEM; restore it from a backup`)
  const opened = authorityCertificate(der, signer)
  if (!Buffer.from(opened.publicKey).equals(signer.publicKey))
    throw new HierarchyError(
      `the certificate and the key of ${origin} don't belong together; restore both from one backup`,
    )
  if (!opened.ca) throw new HierarchyError(`the certificate of ${origin} is not a CA's (RFC 5280 §4.2.1.9)`)
  if (opened.notAfter < deps.clock.now())
    deps.log.warn({ issuer: opened.commonName }, `${origin} expired on ${date(opened.notAfter)}`)
  return opened
}

/** The public key (DER) of the first certificate in a PEM text; undefined where there is none that can be read. */
export function publicKeyIn(pem: string): Uint8Array | undefined {
  try {
    const [der] = derBlocks('CERTIFICATE', pem)
    return der && readCertificate(der).publicKey
  } catch {
    // Whoever opens the certificate says so.
    return undefined
  }
}

/** 128 random bits, in the store before anything is signed with them. */
export async function newSerial({ random, store, clock }: HierarchyDeps, issuer: string): Promise<string> {
  const serial = formatSerial(random.bytes(16))
  await store.reserveSerial({ serial, issuer, reservedAt: clock.now() })
  return serial
}

/** The file is the certificate's home; its row in the store is made up for where a crash came between. */
export async function keepRecord({ store, clock }: HierarchyDeps, one: CaCertificate): Promise<void> {
  if (await store.certificate(one.serial)) return
  const { id, authorityKeyId, serial, notBefore, notAfter, der } = one
  const issuer = authorityKeyId ?? id
  // Refused where it is reserved already, which is as well: storing it fails where it is not.
  await store.reserveSerial({ serial, issuer, reservedAt: clock.now() }).catch(() => {})
  const keyHash = fingerprint(one.publicKey)
  await store.storeCertificate({
    serial,
    issuer,
    profile: 'ca',
    identifiers: [],
    notBefore,
    notAfter,
    issuedAt: notBefore,
    der,
    keyHash,
  })
}

/** Warns of each key in the CA's folder that others can read. None is refused: it may be too late. */
export async function warnOfExposedKeys({ files, log }: Pick<HierarchyDeps, 'files' | 'log'>): Promise<void> {
  for (const name of (await files.list()).filter(name => name.endsWith('.key')).sort())
    if (await files.isExposed(name)) log.warn({ file: name }, `${name} can be read by others; make its mode 0600`)
}

/** An instant, for humans. */
export function date(time: number): string {
  return new Date(time).toISOString()
}
