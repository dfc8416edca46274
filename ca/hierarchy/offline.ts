import { createPublicKey, X509Certificate } from 'node:crypto'
import { CertificationRequestInfo } from '@peculiar/asn1-csr'
import { AsnConvert } from '@peculiar/asn1-schema'
import {
  Attribute,
  Extensions,
  id_ce_keyUsage,
  KeyUsage,
  KeyUsageFlags,
  Name,
  SubjectPublicKeyInfo,
} from '@peculiar/asn1-x509'
import { arrayBuffer, derBlocks, encode, pemOf, signStructure } from '../x509/x509.ts'
import { authorityCertificate, type CaCertificate, intermediateRequest } from './ca-certificate.ts'
import { type HierarchyDeps, HierarchyError, keyringOf } from './deps.ts'
import type { CaFiles } from './files.ts'
import { isBelow, nextKey, nextNumber } from './intermediate.ts'
import { loadKey, type Signer } from './keystore.ts'
import { date, keepRecord } from './material.ts'

/** RFC 2985 §5.4.2. */
const EXTENSION_REQUEST = '1.2.840.113549.1.9.14'

/** Leaves a request for the next intermediate in the CA's folder, for a root whose key is elsewhere; gives the file's name. */
export async function requestIntermediate(deps: HierarchyDeps): Promise<string> {
  const { files, settings } = deps
  const number = await nextNumber(files)
  const file = `intermediate-${number}.csr`
  const signer = await nextKey(deps, number)
  if ((await files.read(file)) !== undefined) return file
  const { subject, extensions } = intermediateRequest(settings, signer, number)
  const info = new CertificationRequestInfo({
    subject: AsnConvert.parse(subject, Name),
    subjectPKInfo: AsnConvert.parse(signer.publicKey, SubjectPublicKeyInfo),
  })
  const wanted = new Extensions(extensions)
  info.attributes.push(new Attribute({ type: EXTENSION_REQUEST, values: [arrayBuffer(encode(wanted))] }))
  const der = await signStructure(encode(info), signer)
  await files.create(file, pemOf('CERTIFICATE REQUEST', der), 0o644)
  return file
}

/** Keeps the certificate that the root signed for such a request, checked as if it came from a stranger. Throws HierarchyError. */
export async function importIntermediate(
  deps: HierarchyDeps,
  root: CaCertificate,
  pem: string,
): Promise<CaCertificate> {
  const [der] = derBlocks('CERTIFICATE', pem)
  if (!der) throw new HierarchyError('there is no certificate in PEM')
  const found = await requested(deps, der)
  if (!found) throw new HierarchyError('the certificate is for no key of ours: it belongs to no request that waits')
  const made = authorityCertificate(der, found.signer)
  const fault = faultOf(made, root, deps.clock.now())
  if (fault) throw new HierarchyError(fault)
  await deps.files.create(`intermediate-${found.number}.crt`, made.pem, 0o644)
  await keepRecord(deps, made)
  return made
}

/** The request whose key the certificate is for, of those that have no certificate yet. */
async function requested(
  deps: HierarchyDeps,
  der: Uint8Array,
): Promise<{ number: number; signer: Signer } | undefined> {
  const key = publicKeyOf(der)
  for (const number of await waiting(deps.files)) {
    const signer = await loadKey(deps.files, `intermediate-${number}.key`, keyringOf(deps))
    if (signer && key.equals(signer.publicKey)) return { number, signer }
  }
  return undefined
}

function publicKeyOf(der: Uint8Array): Buffer {
  try {
    return new X509Certificate(der).publicKey.export({ type: 'spki', format: 'der' })
  } catch {
    throw new HierarchyError("the certificate can't be read")
  }
}

async function waiting(files: CaFiles): Promise<number[]> {
  const names = new Set(await files.list())
  const numbers = [...names].flatMap(name => /^intermediate-(\d+)\.csr$/.exec(name)?.[1] ?? []).map(Number)
  return numbers.filter(number => !names.has(`intermediate-${number}.crt`))
}

/** Why a certificate can't be an intermediate below the root; undefined where it can. */
export function faultOf(made: CaCertificate, root: CaCertificate, now: number): string | undefined {
  const rootKey = createPublicKey({ key: Buffer.from(root.publicKey), type: 'spki', format: 'der' })
  if (!isBelow(made, root) || !new X509Certificate(made.der).verify(rootKey))
    return 'the certificate is not signed by our root'
  if (!made.ca) return "the certificate is not a CA's (RFC 5280 §4.2.1.9): have it signed with basicConstraints CA:TRUE"
  const usage = made.extensions.find(({ oid }) => oid === id_ce_keyUsage)
  const flags = usage ? AsnConvert.parse(Buffer.from(usage.value), KeyUsage).toNumber() : 0
  if (usage && (flags & KeyUsageFlags.keyCertSign) === 0)
    return 'the certificate may not sign certificates (RFC 5280 §4.2.1.3): have it signed with keyUsage keyCertSign, cRLSign'
  if (made.notAfter <= now) return `the certificate expired on ${date(made.notAfter)}`
  return made.notAfter > root.notAfter ? 'the certificate would outlive the root' : undefined
}
