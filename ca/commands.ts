import type { Clock } from '../host/clock.ts'
import type { Log } from '../host/log.ts'
import { TokenError } from '../host/pkcs11/token.ts'
import type { Random } from '../host/random.ts'
import { timestamp } from './acme/states.ts'
import type { Authority } from './authority.ts'
import { CaCommandError, type CaCommands } from './command.ts'
import type { CaCertificate } from './hierarchy/ca-certificate.ts'
import { HierarchyError } from './hierarchy/deps.ts'
import { describeAuthority, describeCertificate, reasonName } from './hierarchy/describe.ts'
import { KeyError, makeKey } from './hierarchy/keystore.ts'
import type { TrustedRoot } from './hierarchy/trust.ts'
import { type Identifier, IdentifierError, identifierOfName, uniqueIdentifiers } from './identifier.ts'
import { IssueError } from './issue/issue.ts'
import { chooseProfile } from './issue/profiles.ts'
import { type Inventory, WITHIN_DAYS } from './record/inventory.ts'
import { REASONS, type RevocationService } from './revocation/revoke.ts'
import { certificatesWhere } from './revocation/revoke-where.ts'
import type { BindingRow } from './store/schema.ts'
import type { CaStore } from './store/store.ts'
import { readCertificate } from './x509/certificate-facts.ts'
import { CsrError, readCsr } from './x509/csr.ts'
import { derBlocks, parseSerial } from './x509/x509.ts'

/** A directory, for the operator. */
export interface CommandedIssuer {
  name: string
  directory: string
  authority: Authority
  staging: boolean
}

/** The most certificates that one `ca.list` returns. */
const PAGE = 1000

export function createCommands(deps: {
  /** The organization. */
  name: string
  issuers: readonly CommandedIssuer[]
  /** What is to be trusted. */
  roots(): readonly TrustedRoot[]
  store: CaStore
  inventory: Inventory
  clock: Clock
  random: Random
  log: Log
}): CaCommands {
  const { name, issuers, roots, store, inventory, clock, random, log } = deps

  const authorityOf = ({ issuer }: Record<string, unknown>): Authority => {
    const found = issuer === undefined ? issuers[0] : issuers.find(({ name }) => name === issuer)
    if (!found)
      throw new CaCommandError(
        `there is no issuer "${issuer}"; there are ${issuers.map(({ name }) => name).join(', ')}`,
      )
    return found.authority
  }

  const revocationOf = (issuer: string): RevocationService =>
    (issuers.find(({ authority }) => authority.hierarchy.find(issuer))?.authority ?? authorityOf({})).revocation

  const issue = async (args: Record<string, unknown>, publicKey: Uint8Array, identifiers: readonly Identifier[]) => {
    const authority = authorityOf(args)
    const wanted = args['profile'] === undefined ? undefined : String(args['profile'])
    const profile = chooseProfile(authority.profiles(), wanted)
    if (!profile) throw new CaCommandError(`there is no profile "${wanted}"`)
    const refused = identifiers.find(identifier => !authority.hierarchy.permits(identifier))
    if (refused) throw new CaCommandError(`the name constraints of the intermediate do not cover ${refused.value}`)
    // No issue rule is asked, so that the record says who was asked instead.
    const circumstances = { by: 'break-glass', way: String(args['csr'] === undefined ? 'ca issue' : 'ca sign') }
    const { record, chain } = await authority.issuance.issue({ publicKey, identifiers, profile, circumstances })
    return { ...describeCertificate(record, clock.now()), certificate: chain }
  }

  return guarded({
    'ca.show': async () => {
      const { authority, directory } = issuers[0]!
      return {
        name,
        directory,
        root: describeAuthority(authority.hierarchy.root),
        ...describeStanding(authority),
        profiles: authority.profiles().map(profile => profile.name),
        active: await store.countStanding(clock.now()),
        issuers: issuers.map(each => ({
          name: each.name,
          directory: each.directory,
          staging: each.staging,
          root: describeAuthority(each.authority.hierarchy.root),
          roots: each.authority.hierarchy.roots().map(describeAuthority),
          cross_certificates: each.authority.hierarchy.crossCertificates().map(describeCross(each.authority)),
          intermediates: each.authority.hierarchy.intermediates().map(describeAuthority),
        })),
      }
    },

    'ca.roots': async () => roots(),

    /** For break-glass: who may open the control socket may have any name within the name constraints. */
    'ca.issue': async args => {
      const identifiers = uniqueIdentifiers(texts(args['names'], 'names').map(identifierOfName))
      const { pem, signer } = await makeKey('ecdsa-p256')
      return { ...(await issue(args, signer.publicKey, identifiers)), key: pem }
    },

    'ca.sign': async args => {
      const { publicKey, identifiers } = readCsr(
        derOf(args['csr'], ['CERTIFICATE REQUEST', 'NEW CERTIFICATE REQUEST'], 'csr'),
      )
      return issue(args, publicKey, identifiers)
    },

    /** `{ where, reason?, dry_run? }` → all that the terms mean, each revoked. */
    'ca.revoke.where': async args => {
      const reason = reasonOf(args['reason'])
      const revoked: ReturnType<typeof describeCertificate>[] = []
      for await (const page of certificatesWhere(store, args['where'] as Record<string, unknown>, clock.now())) {
        if (args['dry_run'] !== true)
          // Side by side, they share the signing of CRLs.
          await Promise.all(page.map(({ serial, issuer }) => revocationOf(issuer).revoke(serial, reason)))
        revoked.push(...page.map(record => describeCertificate(record, clock.now())))
      }
      log.warn(
        { where: args['where'], reason, count: revoked.length, dryRun: args['dry_run'] === true },
        'certificates revoked',
      )
      return revoked
    },

    'ca.revoke': async args => {
      const serial = serialOf(args)
      const record = await store.certificate(serial)
      if (!record) throw new CaCommandError(`no certificate of ours has the serial number ${serial}`, 1)
      const done = await revocationOf(record.issuer).revoke(serial, reasonOf(args['reason']))
      if (!done) throw new CaCommandError(`the certificate ${serial} is revoked already`, 1)
      const { revocation } = (await store.certificate(serial))!
      return { serial, revoked_at: timestamp(revocation!.at), reason: reasonName(revocation!.reason) }
    },

    'ca.list': async args => {
      const found = await store.certificates({
        limit: Math.min(Number(args['limit'] ?? PAGE), PAGE),
        ...(args['name'] !== undefined && { name: String(args['name']) }),
        ...(args['account'] !== undefined && { account: String(args['account']) }),
        ...(args['after'] !== undefined && { after: String(args['after']) }),
        ...(args['all'] !== true && { standingAt: clock.now() }),
      })
      return found.map(record => describeCertificate(record, clock.now()))
    },

    /** `{ days?, limit? }` → what ends within so many days, soonest first. */
    'ca.expiring': async args => {
      const days = Number(args['days'] ?? WITHIN_DAYS[0])
      if (!Number.isInteger(days) || days < 0) throw new CaCommandError(`"${args['days']}" is no number of days`)
      return inventory.list(days, Math.min(Number(args['limit'] ?? PAGE), PAGE))
    },

    /** `{ certificate }` or `{ pkcs12, passphrase? }` (base64): takes up what an offline root has signed, or an intermediate with its key. */
    'ca.import': async args => {
      const { hierarchy } = authorityOf(args)
      if (args['pkcs12'] === undefined)
        return describeAuthority(await hierarchy.importCertificate(texts([args['certificate']], 'certificate')[0]!))
      const octets = Buffer.from(texts([args['pkcs12']], 'pkcs12')[0]!, 'base64')
      return describeAuthority(await hierarchy.importPkcs12(octets, String(args['passphrase'] ?? '')))
    },

    /** `{ distrust? }` → the next root, which signs from now on. */
    'ca.renew-root': async args =>
      describeAuthority(await authorityOf(args).hierarchy.renewRoot({ distrust: args['distrust'] === true })),

    'ca.renew-intermediate': async args => describeAuthority(await authorityOf(args).hierarchy.renewIntermediate()),

    'ca.eab.create': async args => {
      const binding: BindingRow = {
        kid: Buffer.from(random.bytes(16)).toString('base64url'),
        name: texts([args['name']], 'name')[0]!,
        // RFC 7518 §3.2: a key at least as long as the digest; long enough for HS512.
        secret: Buffer.from(random.bytes(64)).toString('base64url'),
        created_at: clock.now(),
        revoked_at: null,
      }
      await store.addBinding(binding)
      log.info({ kid: binding.kid, name: binding.name }, 'external account binding key created')
      return { kid: binding.kid, name: binding.name, hmac_key: binding.secret }
    },

    'ca.eab.list': async () =>
      (await store.bindings()).map(({ kid, name, created_at, revoked_at }) => ({
        kid,
        name,
        created_at: timestamp(created_at),
        ...(revoked_at !== null && { revoked_at: timestamp(revoked_at) }),
      })),

    'ca.eab.revoke': async args => {
      const kid = texts([args['kid']], 'kid')[0]!
      if (!(await store.revokeBinding(kid, clock.now())))
        throw new CaCommandError(`there is no binding key ${kid} that still holds`, 1)
      log.info({ kid }, 'external account binding key revoked')
      return { kid }
    },
  })
}

/** What the user did wrong, in the words of whoever noticed. */
function guarded(commands: CaCommands): CaCommands {
  const guard = (command: CaCommands[string]) => async (args: Record<string, unknown>) => {
    try {
      return await command(args)
    } catch (error) {
      if (error instanceof CsrError) throw new CaCommandError(`the CSR is refused: ${error.message}`)
      if (error instanceof IdentifierError) throw new CaCommandError(error.message)
      if (
        error instanceof IssueError ||
        error instanceof HierarchyError ||
        error instanceof KeyError ||
        error instanceof TokenError
      )
        throw new CaCommandError(error.message, 1)
      throw error
    }
  }
  return Object.fromEntries(Object.entries(commands).map(([name, command]) => [name, guard(command)]))
}

function describeStanding({ hierarchy }: Authority) {
  const standing = hierarchy.standing()
  return standing ? { intermediate: describeAuthority(standing) } : {}
}

/** With the root that signed it. */
function describeCross({ hierarchy }: Authority) {
  return (one: CaCertificate) => ({
    ...describeAuthority(one),
    issuer: hierarchy.roots().find(({ id }) => id === one.authorityKeyId)?.commonName ?? '',
  })
}

function texts(value: unknown, what: string): string[] {
  if (!Array.isArray(value) || value.length === 0 || value.some(each => typeof each !== 'string' || each === ''))
    throw new CaCommandError(`"${what}" is missing`)
  return value
}

function derOf(pem: unknown, labels: readonly string[], what: string): Uint8Array {
  const [der] = labels.flatMap(label => derBlocks(label, String(pem ?? '')))
  if (!der) throw new CaCommandError(`"${what}" is not PEM with a ${labels[0]}`)
  return der
}

function serialOf(args: Record<string, unknown>): string {
  if (args['certificate'] !== undefined)
    return readCertificate(derOf(args['certificate'], ['CERTIFICATE'], 'certificate')).serial
  const serial = parseSerial(String(args['serial'] ?? ''))
  if (!serial) throw new CaCommandError(`"${args['serial'] ?? ''}" is not a serial number in hex`)
  return serial
}

function reasonOf(value: unknown): number {
  if (value === undefined) return REASONS.unspecified
  const codes: Readonly<Record<string, number>> = REASONS
  const code = typeof value === 'number' || /^\d+$/.test(String(value)) ? Number(value) : codes[String(value)]
  if (code === undefined || !Object.values(codes).includes(code))
    throw new CaCommandError(`"${value}" is no reason; there are ${Object.keys(REASONS).join(', ')}`)
  return code
}
