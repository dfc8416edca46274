import type { IntermediateConfig } from '../config/ca-schema.ts'
import { isSubdomain } from '../dns/name.ts'
import type { Timer } from '../host/clock.ts'
import type { CaCertificate } from './ca-certificate.ts'
import { type HierarchyDeps, HierarchyError, type HierarchySettings } from './hierarchy/deps.ts'
import { importPkcs12 } from './hierarchy/import.ts'
import { differs, loadIntermediates, makeIntermediate } from './hierarchy/intermediate.ts'
import { keepRecord } from './hierarchy/material.ts'
import { importIntermediate, requestIntermediate } from './hierarchy/offline.ts'
import { openRoot } from './hierarchy/root.ts'
import { type Identifier, nameOfIdentifier } from './identifier.ts'

export { HierarchyError, type HierarchySettings } from './hierarchy/deps.ts'

/** Root and intermediates of one issuer. */
export interface Hierarchy {
  readonly root: CaCertificate
  /** The intermediate that signs now. Throws HierarchyError until the first of an offline root was brought in. */
  current(): CaCertificate
  /** The same; undefined where there is none yet. */
  standing(): CaCertificate | undefined
  /** Root first, then every intermediate that has not expired, oldest first: all of them still answer for revocation. */
  all(): readonly CaCertificate[]
  find(id: string): CaCertificate | undefined
  /** Whether the current intermediate may sign for this name under its name constraints (RFC 5280 §4.2.1.10). */
  permits(identifier: Identifier): boolean
  /** Makes the next intermediate now; certificates issued from then on are signed by it. Throws HierarchyError, which names the request, where the root is offline. */
  renewIntermediate(): Promise<CaCertificate>
  /** Takes up an intermediate (PEM) that an offline root signed for a request of ours. Throws HierarchyError. */
  importIntermediate(pem: string): Promise<CaCertificate>
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
  const root = await openRoot(deps)
  let intermediates = await loadIntermediates(deps, root)
  for (const one of [root, ...intermediates]) await keepRecord(deps, one)
  const listeners: ((intermediate: CaCertificate) => void)[] = []
  let renewal: Promise<CaCertificate> | undefined
  let timer: Timer | undefined

  // One that begins in the future was made while the clock was ahead; its predecessor goes on.
  const standing = () => intermediates.findLast(one => one.notBefore <= clock.now()) ?? intermediates.at(-1)
  const takeUp = (made: CaCertificate) => {
    intermediates = [...intermediates.filter(one => one.notAfter > clock.now()), made]
    log.info({ issuer: made.commonName, fingerprint: made.fingerprint }, 'intermediate made')
    for (const listener of listeners) listener(made)
    return made
  }
  const renew = async () => {
    if (root.signer.present) return takeUp(await makeIntermediate(deps, root))
    const file = await requestIntermediate(deps)
    throw new HierarchyError(
      `the key of the root is offline: have ${file}, in the folder of the CA, signed by the root, and bring the certificate in with "ca import"`,
    )
  }
  const renewIntermediate = () => {
    renewal ??= renew().finally(() => {
      renewal = undefined
    })
    return renewal
  }
  const watch = async () => {
    timer?.cancel()
    try {
      const signing = standing()
      const wanted = !signing || isDue(settings, root, signing, clock.now())
      if (wanted || (root.signer.present && differs(settings, signing))) await renewIntermediate()
    } catch (error) {
      if (error instanceof HierarchyError && !root.signer.present) log.warn({}, error.message)
      else log.error({ err: error }, 'the intermediate could not be renewed; tried again in an hour')
    }
    timer = clock.after(HOUR, watch)
  }
  if (root.signer.present && !standing()) await renewIntermediate()
  await watch()
  return {
    root,
    standing,
    current() {
      const found = standing()
      if (!found) throw new HierarchyError('there is no intermediate yet: the root is offline, and has signed none')
      return found
    },
    all: () => [root, ...intermediates.filter(one => one.notAfter > clock.now())],
    find: id => [root, ...intermediates].find(one => one.id === id),
    permits: identifier => permits(settings.intermediate, identifier),
    renewIntermediate,
    importIntermediate: async pem => takeUp(await importIntermediate(deps, root, pem)),
    importPkcs12: async (octets, passphrase) =>
      takeUp(await importPkcs12(deps, root, intermediates, octets, passphrase)),
    onRenewal: listener => void listeners.push(listener),
    close: () => timer?.cancel(),
  }
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

function permits({ name_constraints: permitted }: IntermediateConfig, identifier: Identifier): boolean {
  if (!permitted || identifier.type !== 'dns') return true
  return permitted.some(parent => isSubdomain(nameOfIdentifier(identifier), parent))
}
