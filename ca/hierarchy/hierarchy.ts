import type { Timer } from '../../host/clock.ts'
import type { Identifier } from '../identifier.ts'
import { permitsName, UNLIMITED } from '../x509/name-constraints.ts'
import { derBlocks } from '../x509/x509.ts'
import type { CaCertificate } from './ca-certificate.ts'
import { type Chain, chainsFrom, inOrder } from './chains.ts'
import { crossSubject, importCross, openCrossCertificates } from './cross.ts'
import { type HierarchyDeps, HierarchyError, type HierarchySettings } from './deps.ts'
import { importPkcs12 } from './import.ts'
import { differs, isBelow, loadIntermediates, makeIntermediate } from './intermediate.ts'
import { keepRecord, warnOfExposedKeys } from './material.ts'
import { importIntermediate, requestIntermediate } from './offline.ts'
import { nextRoot, openRoots, type Roots } from './roots.ts'

export { HierarchyError, type HierarchySettings } from './deps.ts'

/** Roots and intermediates of one issuer. */
export interface Hierarchy {
  /** The root that signs. */
  readonly root: CaCertificate
  /** It and those before it that are still to be trusted and have not expired, the newest first. */
  roots(): readonly CaCertificate[]
  /** Roots certified by other roots: what leads from one to the other. */
  crossCertificates(): readonly CaCertificate[]
  /** The intermediate that signs now. Throws HierarchyError until the first of an offline root was brought in. */
  current(): CaCertificate
  /** The same; undefined where there is none yet. */
  standing(): CaCertificate | undefined
  /** Every intermediate that has not expired, of former roots, too, oldest first. */
  intermediates(): readonly CaCertificate[]
  /** Roots, the one that signs first, then intermediates, oldest first: all of them still answer for revocation. */
  all(): readonly CaCertificate[]
  find(id: string): CaCertificate | undefined
  /** The ways from an intermediate to a root, as a certificate that is valid `until` then is handed out with: the preferred one first. */
  chains(intermediate: CaCertificate, until: number): readonly Chain[]
  /** Whether root and intermediate let this name be certified by their name constraints, as they are and as they are to be (RFC 5280 §4.2.1.10). */
  permits(identifier: Identifier): boolean
  /** Makes the next intermediate now; certificates issued from then on are signed by it. Throws HierarchyError, which names the request, where the root is offline. */
  renewIntermediate(): Promise<CaCertificate>
  /** Makes the next root now, cross-signed by the one so far unless that is distrusted, and an intermediate of it. Throws HierarchyError. */
  renewRoot(options: { distrust: boolean }): Promise<CaCertificate>
  /** Takes up what was signed elsewhere: an intermediate for a request of ours, or a cross certificate of a root of ours (PEM). Throws HierarchyError. */
  importCertificate(pem: string): Promise<CaCertificate>
  /** Takes up an intermediate of our root with its key, in a PKCS#12 file. Throws HierarchyError or KeyError. */
  importPkcs12(octets: Uint8Array, passphrase: string): Promise<CaCertificate>
  /** Called with every new intermediate. */
  onRenewal(listener: (intermediate: CaCertificate) => void): void
  close(): void
}

const HOUR = 3_600_000
const DAY = 24 * HOUR

/** Opens what is there and makes what is missing; nothing that is there is ever made again. */
export async function openHierarchy(deps: HierarchyDeps): Promise<Hierarchy> {
  const { clock, log, settings } = deps
  await warnOfExposedKeys(deps)
  let roots = await openRoots(deps)
  let intermediates = await loadIntermediates(deps, allRoots(roots))
  for (const one of [...ownRoots(roots), ...intermediates]) await keepRecord(deps, one)
  let crosses = await openCrossCertificates(deps, roots)
  const listeners: ((intermediate: CaCertificate) => void)[] = []
  /** One thing is made at a time. */
  let making: Promise<unknown> = Promise.resolve()
  let renewal: Promise<CaCertificate> | undefined
  let timer: Timer | undefined

  // One that begins in the future was made while the clock was ahead; its predecessor goes on.
  const standing = () => {
    const own = intermediates.filter(one => isBelow(one, roots.current))
    return own.findLast(one => one.notBefore <= clock.now()) ?? own.at(-1)
  }
  const takeUp = (made: CaCertificate) => {
    intermediates = [...intermediates.filter(one => one.notAfter > clock.now()), made]
    log.info({ issuer: made.commonName, fingerprint: made.fingerprint }, 'intermediate made')
    for (const listener of listeners) listener(made)
    return made
  }
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const done = making.then(work)
    making = done.catch(() => {})
    return done
  }
  const renew = async () => {
    if (roots.current.signer.present) return takeUp(await makeIntermediate(deps, roots.current))
    const file = await requestIntermediate(deps)
    throw new HierarchyError(
      `the key of the root is offline: have ${file}, in the folder of the CA, signed by the root, and bring the certificate in with "ca import"`,
    )
  }
  const renewIntermediate = () => {
    renewal ??= inTurn(renew).finally(() => {
      renewal = undefined
    })
    return renewal
  }
  const renewRoot = async (distrust: boolean) => {
    const next = await nextRoot(deps, roots, distrust)
    await keepRecord(deps, next.current)
    const between = await openCrossCertificates(deps, next)
    const first = await makeIntermediate(deps, next.current)
    roots = next
    crosses = between
    takeUp(first)
    return next.current
  }
  const importCertificate = async (pem: string) => {
    const [der] = derBlocks('CERTIFICATE', pem)
    const subject = der && crossSubject(der, roots)
    if (!subject) return takeUp(await importIntermediate(deps, roots.current, pem))
    const made = await importCross(deps, roots, subject, der)
    crosses = [...crosses.filter(({ serial }) => serial !== made.serial), made]
    return made
  }
  const watch = async () => {
    timer?.cancel()
    try {
      const signing = standing()
      const wanted = !signing || isDue(settings, roots.current, signing, clock.now())
      if (wanted || (roots.current.signer.present && differs(settings, signing))) await renewIntermediate()
    } catch (error) {
      if (error instanceof HierarchyError && !roots.current.signer.present) log.warn({}, error.message)
      else log.error({ err: error }, 'the intermediate could not be renewed; tried again in an hour')
    }
    timer = clock.after(HOUR, watch)
  }
  const trusted = () => [roots.current, ...roots.former.toReversed().filter(one => one.notAfter > clock.now())]
  if (roots.current.signer.present && !standing()) await renewIntermediate()
  await watch()
  return {
    get root() {
      return roots.current
    },
    roots: trusted,
    crossCertificates: () => crosses.filter(one => one.notAfter > clock.now()),
    standing,
    current() {
      const found = standing()
      if (!found) throw new HierarchyError('there is no intermediate yet: the root is offline, and has signed none')
      return found
    },
    intermediates: () => intermediates.filter(one => one.notAfter > clock.now()),
    all: () => [...allRoots(roots), ...intermediates.filter(one => one.notAfter > clock.now())],
    find: id => [...allRoots(roots), ...intermediates].find(one => one.id === id),
    chains(intermediate, until) {
      const chains = chainsFrom(intermediate, trusted(), crosses, clock.now())
      return inOrder(chains, trusted(), settings.preferredChain?.(), until)
    },
    permits: identifier =>
      [
        settings.intermediate.name_constraints ?? UNLIMITED,
        standing()?.limits ?? UNLIMITED,
        roots.current.limits,
      ].every(limits => permitsName(limits, identifier)),
    renewIntermediate,
    renewRoot: ({ distrust }) => inTurn(() => renewRoot(distrust)),
    importCertificate: pem => inTurn(() => importCertificate(pem)),
    importPkcs12: (octets, passphrase) =>
      inTurn(async () => takeUp(await importPkcs12(deps, roots.current, intermediates, octets, passphrase))),
    onRenewal: listener => void listeners.push(listener),
    close: () => timer?.cancel(),
  }
}

/** The one that signs first. */
function allRoots({ current, former, distrusted }: Roots): CaCertificate[] {
  return [current, ...former.toReversed(), ...distrusted.toReversed()]
}

/** Those that the record may know as ours: whose key is or was at hand. */
function ownRoots(roots: Roots): CaCertificate[] {
  return allRoots(roots).filter((one, i) => i === 0 || one.signer.present)
}

/**
 * A new intermediate is due while the longest profile still fits into the old one's rest, with a tenth of its life to spare,
 * and where the root leaves room for one that ends later.
 */
function isDue(settings: HierarchySettings, root: CaCertificate, current: CaCertificate, now: number): boolean {
  const life = current.notAfter - current.notBefore
  const reserve = Math.min(settings.longest() + life / 10, life * (2 / 3))
  const wouldEnd = Math.min(now + settings.intermediate.validity, root.notAfter)
  return current.notAfter - now < reserve && wouldEnd > current.notAfter + Math.min(DAY, life / 10)
}
