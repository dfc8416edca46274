import type { CaConfig } from '../../config/ca-schema.ts'
import type { Issuer } from '../issuers.ts'
import { createEst, type EstDeps, type EstService } from './service.ts'

/** The services of EST by their labels, which are names of issuers; without a label, the first issuer's. */
export function openEst(
  deps: Omit<EstDeps, 'issuer'>,
  issuers: readonly Issuer[],
  config: () => Pick<CaConfig, 'est'>,
): (label: string | undefined) => EstService | undefined {
  const services = new Map(issuers.map(issuer => [issuer.name, createEst({ ...deps, issuer })]))
  return (label = issuers[0]!.name) => {
    const { est } = config()
    const served = est?.issuers?.includes(label) ?? est !== undefined
    return served ? services.get(label) : undefined
  }
}
