import { execFile } from 'node:child_process'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { CaFiles } from '../../ca/hierarchy/files.ts'
import { type HierarchySettings, openHierarchy } from '../../ca/hierarchy/hierarchy.ts'
import { makeKey } from '../../ca/hierarchy/keystore.ts'
import type { Tokens } from '../../ca/hierarchy/tokens.ts'
import type { Identifier } from '../../ca/identifier.ts'
import { createIssuance } from '../../ca/issue/issue.ts'
import { type Profile, plainProfile } from '../../ca/issue/profiles.ts'
import type { CrlSettings } from '../../ca/revocation/crls.ts'
import { createRevocation } from '../../ca/revocation/revoke.ts'
import type { Clock } from '../../host/clock.ts'
import type { Log } from '../../host/log.ts'
import { type Random, systemRandom } from '../../host/random.ts'
import { removeFolder } from '../scratch.ts'
import { createSimulatedClock } from '../simulation/clock.ts'
import { memoryFiles } from './memory-files.ts'
import { memoryStore } from './memory-store.ts'

export const DAY = 86_400_000
export const HTTP = 'http://ca.internal.example.com'
export const profile: Profile = {
  ...plainProfile({ name: 'default', validity: 90 * DAY, backdate: 60_000, usages: ['server', 'client'] }),
  keys: ['ecdsa-p256', 'ecdsa-p384', 'ecdsa-p521', 'ed25519', 'rsa-2048'],
}

export const settings: HierarchySettings = {
  name: 'Example Corp',
  httpUrl: HTTP,
  root: { generate: 'ecdsa-p384', validity: 3650 * DAY },
  intermediate: { generate: 'ecdsa-p256', validity: 365 * DAY, policies: [] },
  longest: () => 90 * DAY,
}

/** The intermediate of `settings`, for names below internal.example.com alone. */
export const constrained = {
  ...settings.intermediate,
  name_constraints: { permitted: [{ dns: 'internal.example.com' }], excluded: [] },
}

/** A log whose lines can be looked at. */
export function recordingLog() {
  const lines: { level: string; message: string; fields: object }[] = []
  const at = (level: string) => (fields: object, message: string) => void lines.push({ level, message, fields })
  const log: Log = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error'), child: () => log }
  return { log, lines }
}

/** What a test may replace. */
export interface FixtureOptions {
  settings?: Partial<HierarchySettings>
  files?: CaFiles
  memory?: ReturnType<typeof memoryStore>
  clock?: Clock
  random?: Random
  crl?: Partial<CrlSettings>
  tokens?: Tokens
}

/** A whole signing side under a simulated clock (or the real one, where openssl is to judge), nothing on disk. */
export async function openFixture(options: FixtureOptions = {}) {
  const memory = options.memory ?? memoryStore()
  const { log, lines } = recordingLog()
  const clock = options.clock ?? createSimulatedClock()
  const deps = {
    settings: { ...settings, ...options.settings },
    files: options.files ?? memoryFiles().files,
    store: memory.store,
    clock,
    random: options.random ?? systemRandom,
    log,
    httpUrl: HTTP,
    tokens: options.tokens,
    crl: { partitions: 1, validity: 7 * DAY, every: DAY, ...options.crl },
  }
  const hierarchy = await openHierarchy(deps)
  const issuance = createIssuance({ ...deps, hierarchy, partitions: deps.crl.partitions })
  const revocation = createRevocation({ ...deps, hierarchy })
  return { ...deps, hierarchy, issuance, revocation, memory, lines, clock }
}

export const { signer: leafKey } = await makeKey('ecdsa-p256')

export function dns(...names: string[]): Identifier[] {
  return names.map(value => ({ type: 'dns', value }))
}

/** Runs openssl (or another judge) in a folder that holds these files. */
export async function judge(files: Record<string, string | Uint8Array>, ...command: string[]) {
  const folder = mkdtempSync(join(tmpdir(), 'judge-'))
  try {
    for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content)
    return await run(command, folder)
  } finally {
    await removeFolder(folder)
  }
}

/** Exit status and everything printed. */
export function run([program, ...args]: string[], cwd: string): Promise<{ status: number; output: string }> {
  return new Promise(resolve =>
    execFile(program!, args, { cwd, encoding: 'utf8', timeout: 60_000 }, (error, stdout, stderr) =>
      resolve({ status: error ? Number(error.code ?? 1) : 0, output: stdout + stderr }),
    ),
  )
}

/** The first certificate of a PEM chain. */
export function leafOf(chain: string): string {
  return `${chain.split('-----END CERTIFICATE-----')[0]}-----END CERTIFICATE-----\n`
}
