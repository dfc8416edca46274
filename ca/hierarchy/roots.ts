import { readCertificate } from '../x509/certificate-facts.ts'
import { derBlocks } from '../x509/x509.ts'
import { authorityCertificate, type CaCertificate } from './ca-certificate.ts'
import { type HierarchyDeps, HierarchyError, keyringOf } from './deps.ts'
import { absentSigner, KeyError, loadKey } from './keystore.ts'
import { date, openCertificate, publicKeyIn } from './material.ts'
import { configuredRoot, importedKey, makeRoot } from './root.ts'

/** The roots of one hierarchy. */
export interface Roots {
  /** It signs. */
  readonly current: CaCertificate
  /** Those before it that are still to be trusted, oldest first. */
  readonly former: readonly CaCertificate[]
  /** Those that no longer are: what they signed is still answered for, and nothing else. */
  readonly distrusted: readonly CaCertificate[]
}

/** The root that is there, or a new one, and those before it; nothing that is there is ever made again. */
export async function openRoots(deps: HierarchyDeps): Promise<Roots> {
  const configured = await configuredRoot(deps)
  const former = await formerRoots(deps)
  if (configured) return { current: configured, former, distrusted: [] }
  const own: { root: CaCertificate; trusted: boolean }[] = []
  const numbers = await rootNumbers(deps)
  for (const number of numbers) {
    const root = await openOwn(deps, number, number === numbers.at(-1))
    own.push({ root, trusted: (await deps.files.read(distrustOf(number))) === undefined })
  }
  const newest = own.pop()
  return {
    current: newest?.root ?? (await makeRoot(deps, 1)),
    former: [...former, ...own.filter(({ trusted }) => trusted).map(({ root }) => root)],
    distrusted: own.filter(({ trusted }) => !trusted).map(({ root }) => root),
  }
}

/** The next root, which signs from now on. Where the last is distrusted, nothing leads from it to the new one. Throws HierarchyError. */
export async function nextRoot(deps: HierarchyDeps, roots: Roots, distrust: boolean): Promise<Roots> {
  const { certificate, pkcs12 } = deps.settings.root
  if (certificate !== undefined || pkcs12)
    throw new HierarchyError(
      'the root comes from the configuration: put the next one there, and this one under ca.former_roots, and start again',
    )
  const last = (await rootNumbers(deps)).at(-1)!
  // Before the next one is there: a crash in between leaves a root that signs, and is trusted, until the command is given again.
  if (distrust) await deps.files.replace(distrustOf(last), `${date(deps.clock.now())}\n`, 0o644)
  const current = await makeRoot(deps, last + 1)
  const { former, distrusted } = roots
  return distrust
    ? { current, former, distrusted: [...distrusted, roots.current] }
    : { current, former: [...former, roots.current], distrusted }
}

/** "root" for the first, "root-2" for the second. */
function nameOf(number: number): string {
  return number === 1 ? 'root' : `root-${number}`
}

function distrustOf(number: number): string {
  return `${nameOf(number)}.distrusted`
}

/** Numbers of our own roots that have a certificate; a key alone is what a crash left, and is used next. */
async function rootNumbers({ files }: HierarchyDeps): Promise<number[]> {
  const matches = (await files.list()).map(name => /^root(?:-(\d+))?\.crt$/.exec(name))
  return matches.flatMap(match => (match ? [Number(match[1] ?? 1)] : [])).sort((a, b) => a - b)
}

async function openOwn(deps: HierarchyDeps, number: number, isCurrent: boolean): Promise<CaCertificate> {
  const name = nameOf(number)
  const pem = (await deps.files.read(`${name}.crt`))!
  const publicKey = publicKeyIn(pem)
  const signer = await loadKey(deps.files, `${name}.key`, keyringOf(deps), publicKey)
  if (!signer && isCurrent)
    throw new HierarchyError(`${name}.crt is there, but its ${name}.key is missing; restore ${name}.key from a backup`)
  // The key of a root that is over may have been destroyed, as it should be in the end.
  return openCertificate(pem, signer ?? absentSigner(publicKey ?? new Uint8Array(), 'the key is gone'), name, deps)
}

async function formerRoots(deps: HierarchyDeps): Promise<CaCertificate[]> {
  const former: CaCertificate[] = []
  for (const { certificate, key } of deps.settings.formerRoots ?? [])
    for (const der of derBlocks('CERTIFICATE', certificate)) {
      const { publicKey } = readCertificate(der)
      const signer = key ? await importedKey(key, publicKey, 'ca.former_roots', deps) : keyless(publicKey)
      if (!Buffer.from(publicKey).equals(signer.publicKey))
        throw new HierarchyError('a certificate and the key beside it under ca.former_roots do not belong together')
      former.push(authorityCertificate(der, signer))
    }
  return former
}

function keyless(publicKey: Uint8Array) {
  try {
    return absentSigner(publicKey, 'the key of a former root is elsewhere')
  } catch (error) {
    if (error instanceof KeyError) throw new HierarchyError(`ca.former_roots: ${error.message}`)
    throw error
  }
}
