import type { Config } from './schema.ts'

/** Whether anything is configured for which clients of HTTPS are to show certificates; nobody is asked for one in vain. */
export function usesClientCertificates({ ca }: Pick<Config, 'ca'>): boolean {
  return ca !== undefined && [ca.profiles, ...ca.issuers.map(issuer => issuer.profiles ?? [])].flat().some(isRenewable)
}

function isRenewable({ renewable }: { renewable: boolean }): boolean {
  return renewable
}
