import { addressBytes, containsAddress } from '../../config/address.ts'
import { matchesPattern } from '../../config/pattern.ts'
import { coversUri } from '../../config/uri-pattern.ts'
import type { VaultConfig, VaultRole } from '../../config/vault-schema.ts'
import type { Clock } from '../../host/clock.ts'
import type { Authority } from '../authority.ts'
import {
  type Identifier,
  IdentifierError,
  identifierText,
  nameOfIdentifier,
  parseIdentifier,
  uniqueIdentifiers,
} from '../identifier.ts'
import { IssueError } from '../issue/issue.ts'
import { chooseProfile } from '../issue/profiles.ts'
import { CsrError, readCsr, type SigningRequest } from '../x509/csr.ts'
import { derBlocks } from '../x509/x509.ts'
import { readTtl } from './duration.ts'
import { denied, VaultError } from './error.ts'
import type { Body } from './logins.ts'
import type { Holder } from './tokens.ts'

/** What Vault answers to a signature; certificates in PEM, `expiration` in seconds since 1970. */
export interface Signed {
  certificate: string
  issuing_ca: string
  /** From the issuer up to the root. */
  ca_chain: string[]
  serial_number: string
  expiration: number
}

/** Vault's `{mount}/sign/{role}`: a certificate for the CSR's key. Throws VaultError. */
export async function signByRole(
  deps: { authority: Authority; config: VaultConfig; clock: Clock },
  holder: Holder,
  roleName: string,
  body: Body,
): Promise<Signed> {
  const { authority, config, clock } = deps
  const role = config.roles.find(({ name }) => name === roleName)
  if (!role || !holder.roles.includes(roleName)) throw denied()
  const { publicKey, identifiers: requested } = csrOf(body)
  const identifiers = uniqueIdentifiers([...namesOf(body), ...requested])
  if (identifiers.length === 0) throw new VaultError(400, 'neither the CSR nor the request names anything')
  for (const identifier of identifiers) checkAllowed(role, identifier, authority)
  const profile = chooseProfile(authority.profiles(), role.profile)
  if (!profile) throw new VaultError(500, `the profile ${role.profile} of the role is gone`)
  const ttl = readTtl(body['ttl'])
  try {
    const { record } = await authority.issuance.issue({
      publicKey,
      identifiers,
      profile,
      notAfter: ttl === undefined ? undefined : clock.now() + ttl,
      circumstances: { by: holder.who, way: 'vault', role: role.name },
    })
    const chain = chainOf(authority, record.issuer)
    return {
      certificate: pemOfLeaf(authority, record),
      issuing_ca: chain[0]!,
      ca_chain: chain,
      serial_number: colons(record.serial),
      expiration: Math.floor(record.notAfter / 1000),
    }
  } catch (error) {
    throw issueFailure(error)
  }
}

/** A refusal that the client can do something about is a 400; one of ours a 503, so that it comes again. */
export function issueFailure(error: unknown): unknown {
  if (!(error instanceof IssueError)) return error
  const ours = error.code === 'clock' || error.code === 'expired'
  return new VaultError(ours ? 503 : 400, error.message)
}

/** The CSR of a request, its signature checked. Throws VaultError. */
export function csrOf({ csr }: Body): SigningRequest {
  const text = String(csr ?? '')
  const [der] = ['CERTIFICATE REQUEST', 'NEW CERTIFICATE REQUEST'].flatMap(label => derBlocks(label, text))
  if (!der) throw new VaultError(400, 'csr is missing, or not in PEM')
  try {
    return readCsr(der, { nameless: true })
  } catch (error) {
    if (error instanceof CsrError) throw new VaultError(400, `csr: ${error.message}`)
    throw error
  }
}

/** What the request names beside its CSR. Throws VaultError. */
function namesOf(body: Body): Identifier[] {
  const lists = { alt_names: undefined, ip_sans: 'ip', uri_sans: 'uri' } as const
  try {
    return Object.entries(lists).flatMap(([member, type]) =>
      listOf(body[member]).map(value => parseIdentifier(type ?? (value.includes('@') ? 'email' : 'dns'), value)),
    )
  } catch (error) {
    if (error instanceof IdentifierError) throw new VaultError(400, error.message)
    throw error
  }
}

/** A list as clients send it: with commas between, or as JSON has it. */
export function listOf(value: unknown): string[] {
  const parts = Array.isArray(value) ? value.map(String) : String(value ?? '').split(',')
  return parts.map(part => part.trim()).filter(part => part !== '')
}

function checkAllowed(role: VaultRole, identifier: Identifier, { hierarchy }: Authority): void {
  if (!covers(role, identifier))
    throw new VaultError(400, `${identifierText(identifier)} is not allowed by the role ${role.name}`)
  if (!hierarchy.permits(identifier))
    throw new VaultError(400, `the name constraints of our intermediate do not cover ${identifier.value}`)
}

function covers({ names, wildcards, addresses, uris }: VaultRole, identifier: Identifier): boolean {
  const { type, value } = identifier
  if (type === 'ip') return containsAddress(addresses, addressBytes(value)!)
  if (type === 'uri') return uris.some(pattern => coversUri(pattern, value))
  if (type !== 'dns') return false
  const name = nameOfIdentifier(identifier)
  return names.some(pattern => matchesPattern(pattern, name, undefined, { wildcards }))
}

/** The issuer of that id, and what is above it up to the root that is preferred. */
export function chainOf({ hierarchy }: Authority, id: string): string[] {
  const issuer = hierarchy.find(id)!
  const [chain] = hierarchy.chains(issuer, issuer.notAfter)
  const above = chain ? [...chain.certificates, chain.root] : [issuer]
  return [...new Set(above.map(({ pem }) => pem))]
}

function pemOfLeaf({ issuance }: Authority, record: Parameters<Authority['issuance']['chainOf']>[0]): string {
  return issuance.chainOf(record).replace(/(-----END CERTIFICATE-----\n)[\s\S]*$/, '$1')
}

/** As Vault writes serial numbers: "0a:1b:…". */
export function colons(serial: string): string {
  return (serial.match(/../g) ?? []).join(':')
}
