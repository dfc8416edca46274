import { type IssueValue, parseIssueValue } from '../permission/issue-value.ts'
import { AcmeError } from '../problems.ts'
import type { Attempt, Challenge, ChallengeNetwork, Proof } from './challenge.ts'
import { textsAt } from './texts.ts'

/** A client may be told of no more names than this. */
const MAX_IDENTITIES = 10

/**
 * Persistent DNS challenge (draft-ietf-acme-dns-persist): a TXT record at _validation-persist below the name that names the CA and the
 * account, and stays. It has no token: what it proves is the account's, not the order's.
 */
export const dnsPersist01: Challenge = {
  type: 'dns-persist-01',
  appliesTo: ({ identifier }) => identifier.type === 'dns',
  members: ({ accountUrl, identities }) => ({
    accounturi: accountUrl,
    'issuer-domain-names': identities.slice(0, MAX_IDENTITIES).map(name => name.toLowerCase()),
  }),
  validate,
}

async function validate(attempt: Attempt, { lookup, identities, now }: ChallengeNetwork): Promise<Proof> {
  const { where, texts } = await textsAt(lookup, `_validation-persist.${attempt.subject.identifier.value}`)
  const ours = identities.map(name => name.toLowerCase())
  const faults: string[] = []
  for (const { text, record } of texts) {
    const value = parseIssueValue(text)
    // Records for other CAs stand beside ours.
    if (!value || !ours.includes(value.issuer)) continue
    const fault = faultOf(value, attempt, now())
    if (fault === undefined) return { records: [record] }
    faults.push(fault)
  }
  const why = faults[0] ?? `names ${ours.join(' or ')}`
  throw new AcmeError('incorrectResponse', `none of the ${texts.length} TXT records at ${where} ${why}`)
}

/** What a record lacks, in words that follow "none of the records"; undefined where it proves control. */
function faultOf({ parameters }: IssueValue, { subject, accountUrl }: Attempt, now: number): string | undefined {
  const valuesOf = (tag: string) => parameters.filter(parameter => parameter.tag === tag).map(({ value }) => value)
  const once = ['accounturi', 'policy', 'persistuntil'].every(tag => valuesOf(tag).length <= 1)
  if (!once) return 'names each parameter once'
  const [account] = valuesOf('accounturi')
  if (account !== accountUrl) return 'is for this account'
  const [until] = valuesOf('persistuntil')
  if (until !== undefined && !(/^\d{1,12}$/.test(until) && now <= Number(until) * 1000))
    return 'still holds: its persistUntil is over, or no time'
  const [policy] = valuesOf('policy')
  if (subject.wildcard && policy?.toLowerCase() !== 'wildcard') return 'has policy=wildcard, which a wildcard asks for'
  return undefined
}
