import { lchownSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { type Account, findAccount } from '../host/account.ts'
import { CommandError } from './control/control.ts'

/**
 * Becomes `user` where we are root: the data directory is handed over first, then supplementary groups, group and user are set, in
 * this order, for all threads (POSIX: process-wide). A no-op for everybody else.
 */
export function dropPrivileges(user: string | undefined, dataDir: string): boolean {
  if (!user || process.getuid?.() !== 0) return false
  const { uid, gid } = accountOf(user)
  if (uid === 0) return false
  handOver(dataDir, uid, gid)
  // @types/node leaves initgroups out of Process.
  ;(process as unknown as { initgroups(user: string, group: number): void }).initgroups(user, gid)
  process.setgid!(gid)
  process.setuid!(uid)
  return true
}

function accountOf(user: string): Account {
  const account = findAccount(user)
  if (account) return account
  throw new CommandError(
    `user: there is no account "${user}" on this system: create it (useradd --system ${user}) or leave "user" out`,
    2,
  )
}

/** Files made while we were root, at an earlier start without `user` for example, would lock the new user out. Links are not followed. */
function handOver(path: string, uid: number, gid: number): void {
  lchownSync(path, uid, gid)
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    const below = join(path, entry.name)
    if (entry.isDirectory()) handOver(below, uid, gid)
    else lchownSync(below, uid, gid)
  }
}
