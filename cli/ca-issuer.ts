import type { Command } from 'commander'
import type { OnlineOptions } from './online.ts'
import type { CertificateAuthority } from './replies.ts'

/** Options of commands that are about one of the issuers. */
export interface IssuerOptions extends OnlineOptions {
  issuer?: string
}

/** For commands that make certificates. */
export function issuing(command: Command): Command {
  return command.option('--issuer <issuer>', 'which issuer, where there are several; left out: the first')
}

/** The argument by which the daemon knows it. */
export function issuerOf({ issuer }: IssuerOptions): { issuer?: string } {
  return issuer === undefined ? {} : { issuer }
}

/** A certificate of a CA as `facts` shows it. */
export function authority(
  role: string,
  { subject, sha256, not_after, token }: CertificateAuthority,
): [string, string][] {
  return [
    [role, `${subject}, until ${not_after}${token === undefined ? '' : `, key in ${token}`}`],
    [`${role} SHA-256`, sha256],
  ]
}
