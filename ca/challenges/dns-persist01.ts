import { type IssueValue, parseIssueValue } from '../permission/issue-value.ts'
import { AcmeError } from '../problems.ts'
import { hashedAccountUris, isHashedAccountUri } from './account-hash.ts'
import type { Attempt, Challenge, ChallengeNetwork, Proof } from './challenge.ts'
import { textsAt } from './texts.ts'

/** A client may be told of no more names than this. */
const MAX_IDENTITIES = 10

/**
 * Persistent DNS challenge (draft-ietf-acme-dns-persist-02): a TXT record at _validation-persist below the name that names the CA and the
 * account, and stays. It has no token: what it proves is the account's, not the order's. Records as the drafts before had them, which name
 * the account by its URL, are taken as well, and their clients told what they look for.
 */
export const dnsPersist01: Challenge = {
  type: 'dns-persist-01',
  appliesTo: ({ identifier }) => identifier.type === 'dns',
  members: ({ accountUrl, identities }) => ({
    issuerDomainNames: issuerDomainNames(identities),
    accounturi: accountUrl,
    'issuer-domain-names': issuerDomainNames(identities),
  }),
  validate,
}

/** The names by which records may mean us, as clients are told of them (§3.1): in lower case, without a final dot. */
export function issuerDomainNames(identities: readonly string[]): string[] {
  return identities.slice(0, MAX_IDENTITIES).map(name => name.toLowerCase().replace(/\.$/, ''))
}

async function validate(attempt: Attempt, network: ChallengeNetwork): Promise<Proof> {
  const { where, texts } = await textsAt(network.lookup, `_validation-persist.${attempt.subject.identifier.value}`)
  const ours = issuerDomainNames(network.identities)
  const faults: Fault[] = []
  for (const { text, record } of texts) {
    const value = parseIssueValue(text)
    // Records for other CAs stand beside ours.
    if (!value || !ours.includes(value.issuer)) continue
    const until = endOf(value)
    const fault = formFault(value, network) ?? proofFault(value, attempt, network, until)
    if (fault === undefined) return { records: [record], ...(until !== undefined && { until }) }
    faults.push(fault)
  }
  const { type, why } = faults[0] ?? { type: 'unauthorized', why: `names ${ours.join(' or ')}` }
  throw new AcmeError(type, `none of the ${texts.length} TXT records at ${where} ${why}`)
}

/** What a record lacks, in words that follow "none of the records". */
interface Fault {
  type: 'malformed' | 'unauthorized'
  why: string
}

/** Why the record can't be taken for anything (§9.3.1). */
function formFault(value: IssueValue, { accountHashPrefix }: ChallengeNetwork): Fault | undefined {
  const malformed = (why: string): Fault => ({ type: 'malformed', why })
  if (['accounturi', 'policy', 'persistuntil'].some(tag => valuesOf(value, tag).length > 1))
    return malformed('names each parameter once')
  const [account] = valuesOf(value, 'accounturi')
  if (account === undefined) return malformed('has an accounturi, which is for this account')
  if (account.startsWith(accountHashPrefix) && !isHashedAccountUri(accountHashPrefix, account))
    return malformed('has the account hashed by sha-256, in base64url')
  const [until] = valuesOf(value, 'persistuntil')
  if (until !== undefined && !/^\d+$/.test(until)) return malformed('has seconds since 1970 as persistUntil')
  return undefined
}

/** Why the record does not prove what was asked; undefined where it does. */
function proofFault(
  value: IssueValue,
  attempt: Attempt,
  { accountHashPrefix, now }: ChallengeNetwork,
  until: number | undefined,
): Fault | undefined {
  const unauthorized = (why: string): Fault => ({ type: 'unauthorized', why })
  const { subject, accountUrl } = attempt
  const [account] = valuesOf(value, 'accounturi')
  const named = [accountUrl, ...hashedAccountUris(accountHashPrefix, attempt, subject.identifier.value)]
  if (!named.includes(account!)) return unauthorized('is for this account')
  if (until !== undefined && now() > until) return unauthorized('still holds: its persistUntil is over')
  const [policy] = valuesOf(value, 'policy')
  if (subject.wildcard && policy?.toLowerCase() !== 'wildcard')
    return unauthorized('has policy=wildcard, which a wildcard asks for')
  return undefined
}

/** When the record ends, in milliseconds; undefined where it says nothing of it. */
function endOf(value: IssueValue): number | undefined {
  const [until] = valuesOf(value, 'persistuntil')
  return until === undefined ? undefined : Number(until) * 1000
}

function valuesOf({ parameters }: IssueValue, tag: string): string[] {
  return parameters.filter(parameter => parameter.tag === tag).map(({ value }) => value)
}
