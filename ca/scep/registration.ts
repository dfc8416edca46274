import { createPublicKey, type KeyObject, X509Certificate } from 'node:crypto'
import { KeyUsageFlags } from '@peculiar/asn1-x509'
import type { MessageSigner } from '../cms/write.ts'
import type { CaCertificate } from '../hierarchy/ca-certificate.ts'
import type { CaFiles } from '../hierarchy/files.ts'
import type { Hierarchy } from '../hierarchy/hierarchy.ts'
import { makeKey, privateKeyOf } from '../hierarchy/keystore.ts'
import { certifyDelegate, type DelegateDeps } from '../revocation/delegate.ts'
import { readCertificate } from '../x509/certificate-facts.ts'
import { Tag, tlv, unsignedInteger } from '../x509/der.ts'
import { derBlocks, pemOf } from '../x509/x509.ts'

/** Who messages are encrypted to, and who signs the answers: an RSA key, for clients of SCEP know no other, certified by the intermediate of now. */
export interface RegistrationAuthority {
  readonly signer: MessageSigner
  /** DER. */
  readonly issuer: CaCertificate
}

/** What having one needs. */
export interface RegistrationDeps extends DelegateDeps {
  hierarchy: Pick<Hierarchy, 'standing'>
  files: CaFiles
  /** What the key is encrypted with on disk; left out: nothing. */
  passphrase: string | undefined
}

const FILES = { key: 'scep-ra.key', certificate: 'scep-ra.crt' }
const DAY = 86_400_000
const LIFE = 365 * DAY
/** Devices keep its certificate for as long as their enrolment takes: with this left, the next is made. */
const RESERVE = 30 * DAY

/**
 * The registration authority of an issuer, made at first use. Its key stays, so that what was encrypted to a former certificate is read; its
 * certificate follows the intermediate. Undefined where there is none to certify it.
 */
export function createRegistration(deps: RegistrationDeps): () => Promise<RegistrationAuthority | undefined> {
  let key: Promise<KeyObject> | undefined
  let current: RegistrationAuthority | undefined
  /** One at a time: two who come first must not both make one. */
  let turn: Promise<unknown> = Promise.resolve()
  const keyOf = () => {
    key ??= openKey(deps)
    key.catch(() => {
      key = undefined
    })
    return key
  }
  const renew = async (): Promise<RegistrationAuthority | undefined> => {
    const issuer = deps.hierarchy.standing()
    if (!issuer) return undefined
    if (current && current.issuer.id === issuer.id && !isOver(deps, current.signer.certificate, issuer)) return current
    const privateKey = await keyOf()
    const kept = await loadCertificate(deps, issuer, privateKey)
    current = { issuer, signer: signerFor(privateKey, kept ?? (await certify(deps, issuer, privateKey))) }
    return current
  }
  return () => {
    const next = turn.then(renew)
    turn = next.catch(() => {})
    return next
  }
}

async function openKey({ files, passphrase }: RegistrationDeps): Promise<KeyObject> {
  const text = (await files.read(FILES.key)) ?? (await make(files, passphrase))
  return privateKeyOf(text, FILES.key, passphrase)
}

async function make(files: CaFiles, passphrase: string | undefined): Promise<string> {
  const { pem } = await makeKey('rsa-2048', passphrase)
  await files.create(FILES.key, pem, 0o600)
  return pem
}

async function loadCertificate(deps: RegistrationDeps, issuer: CaCertificate, key: KeyObject) {
  const [der] = derBlocks('CERTIFICATE', (await deps.files.read(FILES.certificate)) ?? '')
  if (!der || readCertificate(der).authorityKeyId !== issuer.id || isOver(deps, der, issuer)) return undefined
  return new X509Certificate(der).checkPrivateKey(key) ? der : undefined
}

/** Whether the next is due; one that ends with its issuer can't be had for longer. */
function isOver({ clock }: RegistrationDeps, der: Uint8Array, issuer: CaCertificate): boolean {
  const { notAfter } = readCertificate(der)
  return notAfter - clock.now() < (notAfter < issuer.notAfter ? RESERVE : 0)
}

async function certify(deps: RegistrationDeps, issuer: CaCertificate, key: KeyObject): Promise<Uint8Array> {
  const der = await certifyDelegate(deps, issuer, {
    role: 'SCEP RA',
    profile: 'scep',
    publicKey: createPublicKey(key).export({ type: 'spki', format: 'der' }),
    // RFC 8894 §2.1.2: it signs answers and is encrypted to; by keyEncipherment clients find it among the certificates.
    usage: KeyUsageFlags.digitalSignature | KeyUsageFlags.keyEncipherment,
    purpose: 'registration',
    life: LIFE,
  })
  await deps.files.replace(FILES.certificate, pemOf('CERTIFICATE', der), 0o644)
  return der
}

function signerFor(key: KeyObject, certificate: Uint8Array): MessageSigner {
  const { issuer, serial } = readCertificate(certificate)
  return { key, certificate, id: tlv(Tag.SEQUENCE, issuer, unsignedInteger(Buffer.from(serial, 'hex'))) }
}
