import { createHash, timingSafeEqual } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createLocalJWKSet, errors, type JSONWebKeySet, jwtVerify } from 'jose'
import type { VaultCluster, VaultConfig } from '../../config/vault-schema.ts'
import type { Clock } from '../../host/clock.ts'
import { denied, VaultError } from './error.ts'
import type { Holder } from './tokens.ts'

/** What a login grants. */
export type Granted = Required<Pick<Holder, 'who' | 'roles' | 'ttl'>>

/** Vault's `auth/approle/login`. Throws VaultError. */
export function loginByAppRole({ auth }: VaultConfig, { role_id: roleId, secret_id: secretId }: Body): Granted {
  const found = auth.approle.find(one => one.role_id === roleId)
  // Compared for an unknown RoleID as well, so that the time does not tell which it was.
  const right = sameText(String(secretId ?? ''), found?.secret_id ?? 'no secret')
  if (!found || !right) throw new VaultError(400, 'invalid role or secret ID')
  return { who: `approle ${found.role_id}`, roles: found.roles, ttl: found.ttl }
}

/** The members of a request's body; none of them is what it should be. */
export type Body = Readonly<Record<string, unknown>>

/** Fetches a document over HTTPS. */
export type FetchText = (url: string, roots: string | undefined) => Promise<string>

/** Algorithms that Kubernetes signs tokens with; never one with a shared secret. */
const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'ES256', 'ES384', 'ES512']
/** Seconds by which the cluster's clock may differ. */
const LEEWAY = 30

/** Vault's `auth/kubernetes/login`, the token checked against the cluster's keys. Throws VaultError. */
export async function loginByServiceAccount(
  cluster: VaultCluster,
  { role: name, jwt }: Body,
  deps: { clock: Clock; fetchText: FetchText },
): Promise<Granted> {
  const role = cluster.roles.find(one => one.name === name)
  if (!role) throw new VaultError(400, `invalid role name "${String(name).slice(0, 80)}"`)
  const account = await accountOf(cluster, String(jwt ?? ''), deps)
  if (!role.service_accounts.some(pattern => fits(pattern, account))) throw denied()
  return { who: `kubernetes ${account}`, roles: role.roles, ttl: role.ttl }
}

/** "NAMESPACE/NAME" of the service account that the token speaks for. */
async function accountOf(
  cluster: VaultCluster,
  jwt: string,
  { clock, fetchText }: { clock: Clock; fetchText: FetchText },
): Promise<string> {
  const keys = createLocalJWKSet(await keySetOf(cluster, fetchText))
  const { issuer, audience } = cluster
  try {
    const { payload } = await jwtVerify(jwt, keys, {
      ...(issuer !== undefined && { issuer }),
      audience,
      algorithms: ALGORITHMS,
      clockTolerance: LEEWAY,
      currentDate: new Date(clock.now()),
      requiredClaims: ['exp', 'sub'],
    })
    const [, namespace, account] = /^system:serviceaccount:([^:]+):([^:]+)$/.exec(String(payload.sub)) ?? []
    if (namespace !== undefined) return `${namespace}/${account}`
  } catch (error) {
    if (!(error instanceof errors.JOSEError)) throw error
  }
  throw denied()
}

async function keySetOf({ jwks, jwks_url: url, jwks_roots: roots }: VaultCluster, fetchText: FetchText) {
  try {
    const text = jwks === undefined ? await fetchText(url!, roots) : await readFile(jwks, 'utf8')
    const set = JSON.parse(text) as JSONWebKeySet
    if (!Array.isArray(set.keys)) throw new Error('it is no JWK Set (RFC 7517 §5)')
    return set
  } catch (error) {
    throw new VaultError(500, `the keys of the cluster can't be had: ${(error as Error).message}`)
  }
}

function fits(pattern: string, account: string): boolean {
  const [wanted, given] = [pattern.split('/'), account.split('/')]
  return wanted.every((part, i) => part === '*' || part === given[i])
}

function sameText(a: string, b: string): boolean {
  const [one, other] = [a, b].map(text => createHash('sha256').update(text).digest())
  return timingSafeEqual(one!, other!)
}
