import { parsePrefix } from '../../config/address.ts'
import { compilePattern } from '../../config/pattern.ts'
import type { CaConfig } from '../../config/schema.ts'
import { readDuration } from '../../config/values.ts'
import { TextError } from '../../dns/errors.ts'
import { parseName } from '../../dns/name.ts'
import type { Clock } from '../../host/clock.ts'
import type { Log } from '../../host/log.ts'
import type { Random } from '../../host/random.ts'
import { timestamp } from '../acme/states.ts'
import { CaCommandError, type CaCommands } from '../command.ts'
import type { EnrolmentStore } from '../store/enrolments.ts'
import type { EnrolmentRow } from '../store/schema.ts'
import { makeSecret } from './secret.ts'

/** What the commands act on. */
export interface EnrolmentCommandDeps {
  store: EnrolmentStore
  /** As it is now. */
  config(): Pick<CaConfig, 'enrolment'>
  issuers(): readonly { name: string; profiles(): readonly { name: string }[] }[]
  clock: Clock
  random: Random
  log: Log
}

/** `ca enrolment …`: secrets by which devices enrol that speak no ACME. */
export function enrolmentCommands(deps: EnrolmentCommandDeps): CaCommands {
  const { store, clock, log } = deps
  return {
    /** `{ name, names?, addresses?, issuer?, profile?, uses?, validity? }` → the secret, told this once. */
    'ca.enrolment.create': async args => {
      const secret = makeSecret(deps.random)
      const row = { ...rowFor(args, deps), id: secret.id, secret: secret.digest }
      await store.addEnrolment(row)
      log.info({ enrolment: row.id, name: row.name }, 'enrolment secret created')
      return { ...describe(row), secret: secret.text }
    },

    'ca.enrolment.list': async () => (await store.enrolments()).map(describe),

    'ca.enrolment.revoke': async args => {
      const id = String(args['id'] ?? '')
      if (!(await store.revokeEnrolment(id, clock.now())))
        throw new CaCommandError(`there is no enrolment secret ${id} that still holds`, 1)
      log.info({ enrolment: id }, 'enrolment secret revoked')
      return { id }
    },
  }
}

function rowFor(args: Record<string, unknown>, deps: EnrolmentCommandDeps): Omit<EnrolmentRow, 'id' | 'secret'> {
  const [names, addresses] = [textsOf(args['names'], 'names'), textsOf(args['addresses'], 'addresses')]
  if (names.length + addresses.length === 0) throw new CaCommandError('an enrolment secret needs names or addresses')
  const name = checked(String(args['name'] ?? ''), 'name', parseName)
  for (const text of names) checked(text, 'names', compilePattern)
  for (const text of addresses) checked(text, 'addresses', parsePrefix)
  const { uses, validity } = limitsOf(args, deps.config())
  const now = deps.clock.now()
  return {
    name,
    names: JSON.stringify(names),
    addresses: JSON.stringify(addresses),
    ...placeOf(args, deps),
    uses: uses === 0 ? null : uses,
    used: 0,
    created_at: now,
    expires_at: validity === 0 ? null : now + validity,
    revoked_at: null,
  }
}

function limitsOf(args: Record<string, unknown>, { enrolment }: Pick<CaConfig, 'enrolment'>) {
  const uses = args['uses'] === undefined ? enrolment.uses : Number(args['uses'])
  if (!Number.isInteger(uses) || uses < 0) throw new CaCommandError(`"${args['uses']}" is no number of uses`)
  const text = args['validity']
  const validity = text === undefined ? enrolment.validity : text === '0s' ? 0 : readDuration(String(text))
  if (validity === undefined) throw new CaCommandError(`"${text}" is no duration such as 12h or 90d, or 0s for any`)
  return { uses, validity }
}

function placeOf(args: Record<string, unknown>, { issuers }: EnrolmentCommandDeps) {
  const wished = (key: string) => (args[key] === undefined ? null : String(args[key]))
  const [issuer, profile] = [wished('issuer'), wished('profile')]
  const meant = issuers().filter(({ name }) => issuer === null || name === issuer)
  if (meant.length === 0) throw new CaCommandError(`there is no issuer "${issuer}"`)
  if (profile !== null && !meant.some(({ profiles }) => profiles().some(({ name }) => name === profile)))
    throw new CaCommandError(`there is no profile "${profile}"`)
  return { issuer, profile }
}

function textsOf(value: unknown, what: string): string[] {
  if (value === undefined) return []
  if (!Array.isArray(value) || value.some(each => typeof each !== 'string'))
    throw new CaCommandError(`"${what}" must be a list of texts`)
  return value
}

/** The text, where it can be read. */
function checked(text: string, what: string, read: (text: string) => unknown): string {
  try {
    if (text !== '' && read(text) !== undefined) return text
  } catch (error) {
    if (!(error instanceof TextError)) throw error
  }
  throw new CaCommandError(`"${what}": "${text}" can't be read`)
}

function describe(row: EnrolmentRow) {
  const { id, name, names, addresses, issuer, profile, uses, used, created_at, expires_at, revoked_at } = row
  return {
    id,
    name,
    names: JSON.parse(names) as string[],
    addresses: JSON.parse(addresses) as string[],
    ...(issuer !== null && { issuer }),
    ...(profile !== null && { profile }),
    ...(uses !== null && { uses }),
    used,
    created_at: timestamp(created_at),
    ...(expires_at !== null && { expires_at: timestamp(expires_at) }),
    ...(revoked_at !== null && { revoked_at: timestamp(revoked_at) }),
  }
}
