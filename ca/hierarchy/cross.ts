import { readCertificate } from '../x509/certificate-facts.ts'
import { derBlocks, encodeTbsCertificate, signStructure } from '../x509/x509.ts'
import { authorityCertificate, type CaCertificate, crossTemplate } from './ca-certificate.ts'
import { type HierarchyDeps, HierarchyError } from './deps.ts'
import { isBelow } from './intermediate.ts'
import { absentSigner } from './keystore.ts'
import { keepRecord, newSerial } from './material.ts'
import { faultOf } from './offline.ts'
import type { Roots } from './roots.ts'

/** Cross certificates: the key of one root of ours, certified by another (RFC 5280 §3.2). */
export async function openCrossCertificates(deps: HierarchyDeps, roots: Roots): Promise<CaCertificate[]> {
  const kept = await loadCross(deps, roots)
  const made: CaCertificate[] = []
  for (const [subject, issuer] of wantedPairs(deps, roots)) {
    if (kept.some(one => one.id === subject.id && isBelow(one, issuer))) continue
    try {
      made.push(await makeCross(deps, subject, issuer))
    } catch (error) {
      deps.log.error(
        { err: error, subject: subject.commonName, issuer: issuer.commonName },
        'a root could not sign the other; tried again at the next start',
      )
    }
  }
  return [...kept, ...made]
}

/** Which roots sign which, as the config has it, where the key is at hand. */
function wantedPairs({ settings, clock }: HierarchyDeps, { current, former }: Roots): [CaCertificate, CaCertificate][] {
  const { crossSign = 'none' } = settings
  const now = clock.now()
  const standing = former.filter(({ notAfter, id }) => notAfter > now && id !== current.id)
  const forward = crossSign === 'none' ? [] : standing.map((one): [CaCertificate, CaCertificate] => [current, one])
  const back = crossSign === 'both' ? standing.map((one): [CaCertificate, CaCertificate] => [one, current]) : []
  return [...forward, ...back].filter(([, issuer]) => issuer.signer.present)
}

async function makeCross(deps: HierarchyDeps, subject: CaCertificate, issuer: CaCertificate): Promise<CaCertificate> {
  const serial = await newSerial(deps, issuer.id)
  const template = crossTemplate(subject, issuer, deps.settings.httpUrl, serial, deps.clock.now())
  const der = await signStructure(encodeTbsCertificate(template, issuer.signer.algorithm), issuer.signer)
  const made = authorityCertificate(der, subject.signer)
  await keep(deps, made, issuer)
  deps.log.info({ subject: subject.commonName, issuer: issuer.commonName }, 'root cross-signed')
  return made
}

async function keep(deps: HierarchyDeps, made: CaCertificate, issuer: CaCertificate): Promise<void> {
  await deps.files.replace(`cross-${made.id.slice(0, 16)}-by-${issuer.id.slice(0, 16)}.crt`, made.pem, 0o644)
  await keepRecord(deps, made)
}

/** Those on disk that have not expired, between roots that are trusted. */
async function loadCross({ files, clock }: HierarchyDeps, { current, former }: Roots): Promise<CaCertificate[]> {
  const roots = [current, ...former]
  const loaded: CaCertificate[] = []
  for (const name of (await files.list()).filter(name => /^cross-.*\.crt$/.test(name)).sort()) {
    const [der] = derBlocks('CERTIFICATE', (await files.read(name))!)
    if (!der) throw new HierarchyError(`${name} holds no certificate in PEM; restore it from a backup, or remove it`)
    const one = certificateOf(der)
    const isTrusted = roots.some(root => root.id === one.id) && roots.some(root => isBelow(one, root))
    if (isTrusted && one.notAfter > clock.now()) loaded.push(one)
  }
  return loaded
}

/** Nobody signs by a cross certificate: its key is the root's. */
function certificateOf(der: Uint8Array): CaCertificate {
  return authorityCertificate(der, absentSigner(readCertificate(der).publicKey, 'the key is the one of the root'))
}

/** The root of ours whose key this certificate is for, where it is a cross certificate. */
export function crossSubject(der: Uint8Array, { current, former }: Roots): CaCertificate | undefined {
  const { publicKey, subject, issuer } = readCertificate(der)
  if (Buffer.from(subject).equals(issuer)) return undefined
  return [current, ...former].find(root => Buffer.from(root.publicKey).equals(publicKey))
}

/** Keeps a cross certificate that was signed where the other root's key is, checked as if it came from a stranger. Throws HierarchyError. */
export async function importCross(
  deps: HierarchyDeps,
  roots: Roots,
  subject: CaCertificate,
  der: Uint8Array,
): Promise<CaCertificate> {
  const made = authorityCertificate(der, subject.signer)
  const issuer = [roots.current, ...roots.former].find(root => isBelow(made, root))
  if (!issuer)
    throw new HierarchyError(
      'the certificate is for the key of our root, but none of our roots signed it: put the one that did under ca.former_roots',
    )
  if (!Buffer.from(made.subject).equals(subject.subject))
    throw new HierarchyError(
      'the certificate is for the key of our root, but not for its name: no chain can lead through it',
    )
  const fault = faultOf(made, issuer, deps.clock.now())
  if (fault) throw new HierarchyError(fault)
  await keep(deps, made, issuer)
  return made
}
