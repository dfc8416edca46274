import type { Config } from './schema.ts'

/** Whether anything is configured for which clients of HTTPS are to show certificates; nobody is asked for one in vain. */
export function usesClientCertificates({ ca, api }: Pick<Config, 'ca' | 'api'>): boolean {
  if (!ca) return false
  return (
    api.certificates.length > 0 ||
    [ca.profiles, ...ca.issuers.map(issuer => issuer.profiles ?? [])].flat().some(isRenewable)
  )
}

function isRenewable({ renewable }: { renewable: boolean }): boolean {
  return renewable
}
