import { execFileSync } from 'node:child_process'

/** The numbers by which the system knows an account and its group. */
export interface Account {
  uid: number
  gid: number
}

/** The account of that name, from wherever this system keeps accounts (files, LDAP …); undefined where there is none. */
export function findAccount(user: string): Account | undefined {
  const ask = (flag: string) => Number(execFileSync('id', [flag, '--', user], { stdio: ['ignore', 'pipe', 'ignore'] }))
  try {
    return { uid: ask('-u'), gid: ask('-g') }
  } catch {
    return undefined
  }
}
