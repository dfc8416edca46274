import type { CaConfig } from '../../config/schema.ts'
import type { CaDeps } from '../deps.ts'
import type { Enrolments } from '../enrolment/enrolments.ts'
import type { Hierarchy } from '../hierarchy/hierarchy.ts'
import type { Issuer } from '../issuers.ts'
import type { CaStore } from '../store/store.ts'
import { createRegistration } from './registration.ts'
import type { ScepPaths } from './routes.ts'
import { createScep, type ScepService } from './service.ts'

/** SCEP at the issuers that the config names, by their paths: `/scep/{issuer}`, and `/scep` for the first issuer. */
export function openScep(deps: CaDeps, store: CaStore, issuers: readonly Issuer[], enrolments: Enrolments): ScepPaths {
  const { scep, key_passphrase: passphrase } = deps.config
  const services = new Map<string, ScepService>()
  if (!scep) return services
  /** Issuers that share a hierarchy share its registration authority. */
  const registrations = new Map<Hierarchy, ReturnType<typeof createRegistration>>()
  for (const [at, issuer] of issuers.entries()) {
    if (!isServed(scep, issuer)) continue
    const { authority, files, name } = issuer
    const { hierarchy } = authority
    const registration =
      registrations.get(hierarchy) ?? createRegistration({ ...deps, store, hierarchy, files, passphrase })
    registrations.set(hierarchy, registration)
    const service = createScep({
      ...deps,
      store,
      issuer: name,
      authority,
      registration,
      enrolments,
      legacy: scep.legacy,
    })
    services.set(`/scep/${name}`, service)
    if (at === 0) services.set('/scep', service)
  }
  return services
}

function isServed({ issuers }: NonNullable<CaConfig['scep']>, { name, staging }: Issuer): boolean {
  return issuers ? issuers.includes(name) : !staging
}
