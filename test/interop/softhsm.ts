import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import type { TokenKey } from '../../config/pkcs11.ts'
import { scratchFolder } from '../scratch.ts'
import { run, without } from './tools.ts'

/** Where Debian keeps the module. */
export const MODULE = ['/usr/lib/softhsm/libsofthsm2.so', '/usr/lib64/pkcs11/libsofthsm2.so'].find(existsSync) ?? ''
export const PIN = '123456'

/** What `skip` of a test with tokens must be. */
export const NO_TOKENS = without('softhsm2-util', 'pkcs11-tool', 'openssl')

/** A folder for tokens of SoftHSM, for this process and those that it starts; the module reads where it is once. */
export async function softHsm(t: Test) {
  const folder = scratchFolder(t)
  const tokens = join(folder, 'tokens')
  const conf = join(folder, 'softhsm2.conf')
  mkdirSync(tokens)
  writeFileSync(conf, `directories.tokendir = ${tokens}\nobjectstore.backend = file\nlog.level = ERROR\n`)
  process.env['SOFTHSM2_CONF'] = conf
  return {
    tokens,
    async createToken(label: string) {
      const made = await run('softhsm2-util', [
        '--init-token',
        '--free',
        '--label',
        label,
        '--pin',
        PIN,
        '--so-pin',
        PIN,
      ])
      t.equal(made.status, 0, made.stderr)
    },
    /** pkcs11-tool of OpenSC, logged in, as somebody else's view of the token. */
    tool: (label: string, ...args: string[]) =>
      run('pkcs11-tool', ['--module', MODULE, '--token-label', label, '--login', '--pin', PIN, ...args]),
  }
}

/** A key in such a token, as the config has it. */
export function inToken(token: string, object: string, pin = PIN): TokenKey {
  return { module: MODULE, token, object, pin }
}
