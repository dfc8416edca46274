import type { Clock, Timer } from '../host/clock.ts'
import type { Log } from '../host/log.ts'
import type { CaFiles } from './hierarchy/files.ts'
import type { Hierarchy } from './hierarchy/hierarchy.ts'
import { makeKey, signerOf } from './hierarchy/keystore.ts'
import { type Identifier, IdentifierError, identifierOfHost, identifierText, uniqueIdentifiers } from './identifier.ts'
import { type Issuance, IssueError } from './issue/issue.ts'
import { plainProfile } from './issue/profiles.ts'
import { type CertificateFacts, readCertificate } from './x509/certificate-facts.ts'
import { derBlocks } from './x509/x509.ts'

/** What a TLS listener takes. */
export interface ServerCertificate {
  /** PEM: the leaf and its intermediate. */
  certificate: string
  /** PEM, PKCS#8. */
  key: string
}

/** Our own certificate for HTTPS and DNS over TLS, from our own CA, renewed by itself. */
export interface ServerCertificates {
  /** The certificate for these host names and addresses, kept from the last run where it still fits; from then on it is watched. Undefined where none can be issued now: then `onRenewal` tells. */
  open(hosts: readonly string[]): Promise<ServerCertificate | undefined>
  /** Called with every renewal. */
  onRenewal(listener: (renewed: ServerCertificate) => void): void
  close(): void
}

/** What keeping it needs. */
export interface ServerCertificateDeps {
  hierarchy: Hierarchy
  issuance: Issuance
  files: CaFiles
  clock: Clock
  log: Log
}

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const FILE = 'https.pem'
const PROFILE = plainProfile({ name: 'https', validity: 30 * DAY, backdate: HOUR, usages: ['server'] })

/** Makes the keeper of our own certificate. Key and chain are one file: never one without the other. */
export function createServerCertificates(deps: ServerCertificateDeps): ServerCertificates {
  const { clock, hierarchy, log } = deps
  const listeners: ((renewed: ServerCertificate) => void)[] = []
  let identifiers: readonly Identifier[] = []
  /** When the next is to be made; undefined until one is open. */
  let renewAt: number | undefined
  let timer: Timer | undefined

  const renew = async () => {
    const made = await make(deps, identifiers)
    renewAt = renewalTime(made)
    return made
  }
  /** A CA that refuses to issue, for a clock that was set back, must not keep the rest of the daemon from starting. */
  const renewOrKeep = async (kept: ServerCertificate | undefined) => {
    try {
      return await renew()
    } catch (error) {
      if (!(error instanceof IssueError)) throw error
      log.error({ err: error }, 'our own HTTPS certificate could not be made; tried again every minute')
      renewAt = 0
      return kept
    }
  }
  const renewInPlace = async () => {
    try {
      const renewed = await renew()
      for (const listener of listeners) listener(renewed)
    } catch (error) {
      log.error({ err: error }, 'our own HTTPS certificate could not be renewed; tried again in an hour')
    }
  }
  const watch = () => {
    timer?.cancel()
    timer = clock.after(renewAt === 0 ? MINUTE : HOUR, async () => {
      if (clock.now() > renewAt!) await renewInPlace()
      watch()
    })
  }
  // The old intermediate may have been revoked: with a new one comes a new certificate.
  hierarchy.onRenewal(() => {
    if (renewAt !== undefined) void renewInPlace()
  })
  return {
    async open(hosts) {
      identifiers = identifiersFor(hosts, deps)
      const kept = await load(deps.files)
      const isKept = kept !== undefined && isFit(kept, identifiers, deps)
      if (isKept) renewAt = renewalTime(kept)
      const current = isKept ? kept : await renewOrKeep(kept)
      watch()
      return current
    },
    onRenewal: listener => void listeners.push(listener),
    close: () => timer?.cancel(),
  }
}

async function make(deps: ServerCertificateDeps, identifiers: readonly Identifier[]): Promise<ServerCertificate> {
  const { pem: key, signer } = await makeKey('ecdsa-p256')
  const { chain } = await deps.issuance.issue({ publicKey: signer.publicKey, identifiers, profile: PROFILE })
  await deps.files.replace(FILE, key + chain, 0o600)
  return { certificate: chain, key }
}

/** With a third of its life left, there is time to mend what keeps it from being renewed. */
function renewalTime({ certificate }: ServerCertificate): number {
  const { notBefore, notAfter } = readLeaf(certificate)!
  return notAfter - (notAfter - notBefore) / 3
}

async function load(files: CaFiles): Promise<ServerCertificate | undefined> {
  const pem = await files.read(FILE)
  const start = pem?.indexOf('-----BEGIN CERTIFICATE-----') ?? -1
  return start > 0 ? { key: pem!.slice(0, start), certificate: pem!.slice(start) } : undefined
}

/** Whether it names what it should, is ours, fits its key, and a third of its life is left. */
function isFit(
  { certificate, key }: ServerCertificate,
  identifiers: readonly Identifier[],
  deps: ServerCertificateDeps,
): boolean {
  const facts = readLeaf(certificate)
  if (!facts) return false
  const now = deps.clock.now()
  const isCurrent = facts.authorityKeyId === deps.hierarchy.standing()?.id
  if (now < facts.notBefore || now > renewalTime({ certificate, key }) || !isCurrent) return false
  return textOf(facts.identifiers) === textOf(identifiers) && keyFits(key, facts)
}

function readLeaf(chain: string): CertificateFacts | undefined {
  try {
    const [leaf] = derBlocks('CERTIFICATE', chain)
    return leaf && readCertificate(leaf)
  } catch {
    return undefined
  }
}

function keyFits(key: string, facts: CertificateFacts): boolean {
  try {
    return Buffer.from(facts.publicKey).equals(signerOf(key, FILE).publicKey)
  } catch {
    return false
  }
}

/** Hosts that can be in a certificate of ours; the others are named in the log and left out. */
function identifiersFor(hosts: readonly string[], { hierarchy, log }: ServerCertificateDeps): Identifier[] {
  const identifiers = hosts.flatMap(host => {
    try {
      const identifier = identifierOfHost(host)
      if (hierarchy.permits(identifier)) return [identifier]
      log.warn({ host }, `our HTTPS certificate can't name ${host}: it is outside the name constraints of our CA`)
    } catch (error) {
      if (!(error instanceof IdentifierError)) throw error
      log.warn({ host }, `our HTTPS certificate can't name ${host}: ${error.message}`)
    }
    return []
  })
  return uniqueIdentifiers(identifiers)
}

function textOf(identifiers: readonly Identifier[]): string {
  return uniqueIdentifiers(identifiers).map(identifierText).join()
}
