import { sameLimits, UNLIMITED } from '../x509/name-constraints.ts'
import { encodeTbsCertificate, signStructure } from '../x509/x509.ts'
import { authorityCertificate, type CaCertificate, intermediateTemplate } from './ca-certificate.ts'
import { type HierarchyDeps, HierarchyError, type HierarchySettings, keyringOf } from './deps.ts'
import type { CaFiles } from './files.ts'
import { createKey, loadKey, type Signer } from './keystore.ts'
import { date, keepRecord, newSerial, openCertificate, publicKeyIn } from './material.ts'

/** The next intermediate, signed by the root. */
export async function makeIntermediate(deps: HierarchyDeps, root: CaCertificate): Promise<CaCertificate> {
  const { settings, files, clock } = deps
  const now = clock.now()
  if (now < root.notBefore || now > root.notAfter)
    throw new HierarchyError(
      `the root is valid from ${date(root.notBefore)} to ${date(root.notAfter)}, but the clock says ${date(now)}; set the clock, or replace the root`,
    )
  const number = await nextNumber(files)
  const file = `intermediate-${number}`
  const signer = await nextKey(deps, number)
  const serial = await newSerial(deps, root.id)
  const template = intermediateTemplate(settings, root, signer, serial, now, number)
  const made = authorityCertificate(
    await signStructure(encodeTbsCertificate(template, root.signer.algorithm), root.signer),
    signer,
  )
  await files.create(`${file}.crt`, made.pem, 0o644)
  await keepRecord(deps, made)
  if (made.notAfter === root.notAfter)
    deps.log.warn(
      { root: root.commonName },
      `the root ends on ${date(root.notAfter)}, and all that it signed with it; make a new root and hand it out in time`,
    )
  return made
}

/** Numbers of the intermediates that have a certificate; a key alone is what a crash left, and is used next. */
async function intermediateNumbers(files: CaFiles): Promise<number[]> {
  const matches = (await files.list()).map(name => /^intermediate-(\d+)\.crt$/.exec(name))
  return matches.flatMap(match => (match ? [Number(match[1])] : [])).sort((a, b) => a - b)
}

/** The intermediates of these roots that have not expired, oldest first. */
export async function loadIntermediates(
  deps: HierarchyDeps,
  roots: readonly CaCertificate[],
): Promise<CaCertificate[]> {
  const loaded: CaCertificate[] = []
  for (const number of await intermediateNumbers(deps.files)) {
    const file = `intermediate-${number}`
    const pem = (await deps.files.read(`${file}.crt`))!
    const signer = await loadKey(deps.files, `${file}.key`, keyringOf(deps), publicKeyIn(pem))
    if (!signer)
      throw new HierarchyError(
        `${file}.crt is there, but its ${file}.key is missing; restore it from a backup, or remove both to have a new one made`,
      )
    const one = openCertificate(pem, signer, file, deps)
    // One of a root that is ours no longer is left on disk, unused.
    if (one.notAfter > deps.clock.now() && roots.some(root => isBelow(one, root))) loaded.push(one)
  }
  return loaded
}

/** The key of the intermediate that is made next: one that a crash left, or a new one. */
export async function nextKey(deps: HierarchyDeps, number: number): Promise<Signer> {
  const { files, settings } = deps
  const { generate, key } = settings.intermediate
  const name = `intermediate-${number}.key`
  const place = key && { ...key, object: `${key.object}-${number}` }
  return (
    (await loadKey(files, name, keyringOf(deps))) ?? (await createKey(files, name, generate, keyringOf(deps), place))
  )
}

/** Whether the config asks for another kind of intermediate than the one that signs. */
export function differs({ intermediate }: HierarchySettings, current: CaCertificate): boolean {
  const elsewhere = (intermediate.key !== undefined) !== (current.signer.token !== undefined)
  return (
    elsewhere ||
    current.signer.kind !== intermediate.generate ||
    !sameLimits(intermediate.name_constraints ?? UNLIMITED, current.limits) ||
    intermediate.policies.map(({ oid }) => oid).join() !== current.policies.join()
  )
}

/** The number of the intermediate that is made next. */
export async function nextNumber(files: CaFiles): Promise<number> {
  return 1 + Math.max(0, ...(await intermediateNumbers(files)))
}

/** The number of one that comes from elsewhere: of no key or request of ours either. */
export async function freeNumber(files: CaFiles): Promise<number> {
  const taken = (await files.list()).flatMap(name => /^intermediate-(\d+)\./.exec(name)?.[1] ?? [])
  return 1 + Math.max(0, ...taken.map(Number))
}

/** Whether the root is the issuer, by name and, where the certificate says it, by key. */
export function isBelow({ issuer, authorityKeyId }: CaCertificate, root: CaCertificate): boolean {
  const named = Buffer.from(issuer).equals(root.subject)
  return named && (authorityKeyId === undefined || authorityKeyId === root.id)
}
