import type { CaConfig } from '../../config/schema.ts'
import type { ResourceRecord } from '../../dns/record.ts'
import type { Clock } from '../../host/clock.ts'
import type { Log } from '../../host/log.ts'
import type { Network } from '../../host/network.ts'
import type { Random } from '../../host/random.ts'
import { silentTracer, type Tracer } from '../../host/tracer.ts'
import type { Authority } from '../authority.ts'
import type { Lookup } from '../challenges/challenge.ts'
import { dnsPersist01, issuerDomainNames } from '../challenges/dns-persist01.ts'
import { challengesFor } from '../challenges/table.ts'
import { createOutbound } from '../outbound.ts'
import { type CaaChecker, createCaaChecker } from '../permission/caa.ts'
import { createLimits } from '../permission/limits.ts'
import { createPermission, type Permission } from '../permission/permission.ts'
import type { DnsChange } from '../record/entry.ts'
import type { CaStore } from '../store/store.ts'
import { type Accounts, createAccounts } from './accounts.ts'
import { type Authenticator, createAuthenticator } from './authenticate.ts'
import { type Authorizations, createAuthorizations } from './authorizations.ts'
import { createFulfilment } from './fulfilment.ts'
import { forgetful, type Habits, shuffled } from './habits.ts'
import { createNonces, type Nonces } from './nonces.ts'
import { createOrders, type Orders } from './orders.ts'
import { createRevocationRequests } from './revocation-request.ts'
import { tracedCaa, tracedChallenges, tracedLookup, tracedPermission, tracedStore } from './traced.ts'
import { OrderTraces } from './traces.ts'
import { type AcmeUrls, createUrls } from './urls.ts'
import { createValidator } from './validate.ts'

/** One ACME server (RFC 8555 §7.1): what its routes call. */
export interface AcmeDirectory {
  readonly urls: AcmeUrls
  /** Whether it also is /acme/directory. */
  readonly plain: boolean
  readonly nonces: Nonces
  readonly authenticator: Authenticator
  readonly accounts: Accounts
  readonly orders: Orders
  readonly authorizations: Authorizations
  readonly permission: Permission
  readonly caa: CaaChecker
  readonly revoke: ReturnType<typeof createRevocationRequests>
  readonly authority: Authority
  readonly store: CaStore
  readonly traces: OrderTraces
  /** The directory object (RFC 8555 §7.1.1). */
  view(): object
  /** Takes up the challenges and orders that a stop left in the middle. */
  resume(): Promise<void>
  close(): void
}

export interface DirectoryDeps {
  config: CaConfig
  issuer: string
  plain: boolean
  authority: Authority
  caaIdentities: readonly string[]
  store: CaStore
  clock: Clock
  random: Random
  log: Log
  tracer?: Tracer
  lookup: Lookup
  network: Pick<Network, 'connect'>
  /** The change of a zone of ours by which a record came into being; left out where nobody knows. */
  provenance?: (record: ResourceRecord) => Promise<DnsChange | undefined>
  /** For trying clients out; left out: none. */
  habits?: Habits
}

export function createDirectory(deps: DirectoryDeps): AcmeDirectory {
  const { config, issuer, plain, authority, caaIdentities, clock, random, log, tracer = silentTracer } = deps
  const store = tracedStore(tracer, deps.store)
  const lookup = tracedLookup(tracer, deps.lookup)
  const { hierarchy, issuance, revocation, profiles, policy } = authority
  const urls = createUrls(config.url, issuer, plain)
  const nonces = createNonces(random)
  const inOrder = <T>(list: readonly T[]) => (deps.habits?.shuffled ? shuffled(list, random) : list)
  const challenges = tracedChallenges(tracer, challengesFor(config.challenges))
  const { authorization_reuse: authorizationReuse, accounts: settings } = config
  const limits = createLimits(() => config.limits, clock)
  const judging = { issuer, store, hierarchy, policy, challenges, clock, random }
  const permission = tracedPermission(tracer, createPermission(judging))
  const connect = createOutbound({ network: deps.network, lookup, clock, allowed: config.challenge_targets })
  const caa = tracedCaa(tracer, createCaaChecker({ lookup, identities: caaIdentities, clock }))
  const validator = createValidator({
    store,
    challenges,
    network: {
      ...{ lookup, connect, ports: config.challenge_ports, now: clock.now },
      ...{ identities: caaIdentities, accountHashPrefix: urls.accountHashPrefix },
    },
    accountUrl: urls.account,
    provenance: deps.provenance ?? (async () => undefined),
    authorizationReuse,
    clientLimits: limits,
    clock,
  })
  const fulfilment = createFulfilment({ store, urls, profiles, caa, issuance, clock })
  return {
    urls,
    plain,
    nonces,
    authenticator: createAuthenticator({
      store,
      nonces: deps.habits ? forgetful(nonces, deps.habits) : nonces,
      urls,
      issuer,
    }),
    accounts: createAccounts({ store, urls, issuer, settings, limits, clock, random }),
    orders: createOrders({
      ...{ store, urls, issuer, permission, limits, profiles, authorizationReuse },
      ...{ challenges, fulfilment, clock, random, log, inOrder },
    }),
    authorizations: createAuthorizations({
      ...{ store, urls, validator, permission, limits, challenges, identities: caaIdentities },
      ...{ clock, random, inOrder },
    }),
    permission,
    caa,
    revoke: createRevocationRequests({ store, hierarchy, revocation, clock }),
    authority,
    store,
    traces: new OrderTraces(tracer, issuer),
    view: () => ({
      newNonce: urls.newNonce,
      newAccount: urls.newAccount,
      newOrder: urls.newOrder,
      newAuthz: urls.newAuthz,
      revokeCert: urls.revokeCert,
      keyChange: urls.keyChange,
      renewalInfo: urls.renewalInfo, // RFC 9773 §3
      meta: {
        caaIdentities,
        externalAccountRequired: settings.external_binding === 'required',
        ...(settings.terms_of_service !== undefined && { termsOfService: settings.terms_of_service }),
        ...(config.challenges.includes(dnsPersist01.type) && {
          issuerDomainNames: issuerDomainNames(caaIdentities),
          accountHashPrefix: urls.accountHashPrefix,
        }),
        ...(config.website !== undefined && { website: config.website }),
        // draft-ietf-acme-profiles
        profiles: Object.fromEntries(profiles().map(({ name, validity }) => [name, `valid for ${hours(validity)}`])),
      },
    }),
    async resume() {
      for (const challenge of await store.processingChallenges()) {
        const authorization = await store.authorization(challenge.authorization)
        const account = authorization && (await store.account(authorization.account))
        if (!account || account.issuer !== issuer) continue
        const named = log.child({ requestId: challenge.request, account: account.id, authorization: authorization.id })
        void validator.start(challenge, authorization, account, named)
      }
      for (const order of await store.processingOrders())
        if (order.issuer === issuer) void fulfilment.start(order, log.child({ requestId: order.request }))
    },
    close() {
      validator.close()
      fulfilment.close()
    },
  }
}

function hours(validity: number): string {
  const all = Math.round(validity / 3_600_000)
  return all % 24 === 0 && all > 24 ? `${all / 24} days` : `${all} hours`
}
