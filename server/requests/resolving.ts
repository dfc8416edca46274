import { containsAddress } from '../../config/address.ts'
import { Class, Ede, Rcode } from '../../dns/codes.ts'
import type { Question } from '../../dns/message.ts'
import { equalNames, type Name, printName } from '../../dns/name.ts'
import type { ResourceRecord } from '../../dns/record.ts'
import { Type } from '../../dns/types.ts'
import { throughDns64 } from '../../resolver/dns64.ts'
import type { NamedRuling, Policies } from '../../resolver/policy/policies.ts'
import type { ResolveOptions, ResolverAnswer } from '../../resolver/resolver.ts'
import type { ServingView } from './state.ts'

/** Who asks. */
export interface AskingClient {
  /** For the limit of outstanding questions. */
  account: string
  address: Uint8Array
  udp: boolean
}

/** What the policies of the view made of an answer, where they made something of it. */
export interface PolicyVerdict {
  /** "rpz.example.: *.bad.example.rpz.example." */
  rule: string
  action: NamedRuling['action']['kind']
  log: boolean
}

/** An answer as the view gives it. */
export interface ViewAnswer extends ResolverAnswer {
  verdict?: PolicyVerdict
  /** It is what a rule for the name says, and good as long as the policies are the same. */
  lasting?: true
}

/** What the policies say of a name before anybody is asked, where that is something. */
export function verdictOn(name: Name, client: Uint8Array, policies: Policies): PolicyVerdict | undefined {
  policies.refresh()
  const early = policies.before(name, client)
  return early && !('kind' in early) ? verdictOf(early) : undefined
}

/** Resolves for a client of the view: by its resolver, its DNS64 and its policies. */
export function resolveInView(
  view: ServingView,
  question: Question,
  options: ResolveOptions,
  client: AskingClient,
): Promise<ViewAnswer> {
  const { policies } = view
  if (policies) return resolveByPolicy(view, policies, question, options, client)
  return translated(view, question, options, client.address)
}

async function resolveByPolicy(
  view: ServingView,
  policies: Policies,
  question: Question,
  options: ResolveOptions,
  client: AskingClient,
): Promise<ViewAnswer> {
  const { address } = client
  policies.refresh()
  const early = policies.before(question.name, address)
  const pending = early && 'kind' in early ? early : undefined
  if (early && !('kind' in early)) {
    if (changesAnswer(early, client)) {
      const made = await ruled(view, question, options, early, undefined)
      return LASTING.has(early.action.kind) ? { ...made, lasting: true } : made
    }
    return { ...(await translated(view, question, options, address)), verdict: passedBy(early) }
  }
  const answer = await translated(view, question, options, address)
  policies.refresh()
  const ruling = policies.after(question.name, address, answer.answer, answer.authorities, pending)
  if (!ruling) return answer
  if (!changesAnswer(ruling, client)) return { ...answer, verdict: passedBy(ruling) }
  return ruled(view, question, options, ruling, answer)
}

/** Nobody else is asked for what these make. */
const LASTING: ReadonlySet<PolicyVerdict['action']> = new Set(['nxdomain', 'nodata', 'data'])

/** A client that has shown by its connection where it is has no need to be told to make one. */
function changesAnswer({ action }: NamedRuling, { udp }: AskingClient): boolean {
  return action.kind !== 'passthru' && (action.kind !== 'tcp-only' || udp)
}

/** RFC 6147: for clients behind a NAT64. */
function translated(
  view: ServingView,
  question: Question,
  options: ResolveOptions,
  address: Uint8Array,
): Promise<ResolverAnswer> {
  const { dns64 } = view.config
  const ask = (one: Question) => view.resolver.resolve(one, options)
  // RFC 6147 §5.5: who sets DO and CD validates, and makes its own addresses.
  const wanted = dns64 && !(options.dnssecOk && options.checkingDisabled) && isFor(dns64, address)
  if (!wanted) return ask(question)
  return throughDns64(question, dns64, ask).then(answer => answer ?? ask(question))
}

function isFor({ clients }: { clients?: Parameters<typeof containsAddress>[0] }, address: Uint8Array): boolean {
  return clients === undefined || containsAddress(clients, address)
}

/** The answer that a rule makes; `answer` is what it would have been, where that is known. */
async function ruled(
  view: ServingView,
  question: Question,
  options: ResolveOptions,
  ruling: NamedRuling,
  answer: ResolverAnswer | undefined,
): Promise<ViewAnswer> {
  const verdict = verdictOf(ruling)
  const code = ruling.action.kind === 'alias' || ruling.action.kind === 'data' ? Ede.FORGED_ANSWER : Ede.BLOCKED
  const made: ViewAnswer = {
    rcode: ruling.action.kind === 'nxdomain' ? Rcode.NXDOMAIN : Rcode.NOERROR,
    answer: aliasesTo(ruling.name, question, answer),
    ...{ authority: [], additional: [], ad: false, from: 'local', renewIn: 0, verdict },
    ede: { code, text: `by policy zone ${printName(ruling.source.origin)}` },
  }
  if (ruling.action.kind === 'data')
    return { ...made, answer: [...made.answer, ...ruling.action.records(ruling.name, question.type)] }
  if (ruling.action.kind !== 'alias') return made
  const target = ruling.action.target(ruling.name)
  if (!target) return { ...made, rcode: Rcode.NXDOMAIN }
  return redirected(view, { ...question, name: target }, options, {
    ...made,
    answer: [...made.answer, aliasOf(ruling.name, target, ruling.action.ttl)],
  })
}

/** Goes on at the target of a rule's alias, which no policy applies to. */
async function redirected(
  view: ServingView,
  question: Question,
  options: ResolveOptions,
  made: ViewAnswer,
): Promise<ViewAnswer> {
  if (question.type === Type.CNAME || question.type === Type.ANY) return made
  if (view.zonesAtHome.find(question.name, 0)) return { ...made, next: question.name }
  if (!view.resolver.covers(question.name)) return made
  const { delegation: _, ...rest } = options
  const told = await view.resolver.resolve(question, rest)
  return {
    ...made,
    rcode: told.rcode,
    answer: [...made.answer, ...told.answer],
    authority: told.authority,
    ...(told.next && { next: told.next }),
  }
}

function aliasOf(owner: Name, target: Name, ttl: number): ResourceRecord {
  return { owner, type: Type.CNAME, class: Class.IN, ttl, rdata: target }
}

/** Those of the answer's aliases that lead to the name which the rule is for. */
function aliasesTo(name: Name, question: Question, answer: ResolverAnswer | undefined): ResourceRecord[] {
  if (!answer || equalNames(name, question.name)) return []
  const aliases = answer.answer.filter(({ type }) => type === Type.CNAME)
  const last = aliases.findIndex(({ rdata }) => equalNames(rdata, name))
  return aliases.slice(0, last + 1)
}

/** A rule that lets the answer be as it is. */
function passedBy(ruling: NamedRuling): PolicyVerdict {
  return { ...verdictOf(ruling), action: 'passthru' }
}

function verdictOf({ source, rule, action }: NamedRuling): PolicyVerdict {
  return { rule: `${printName(source.origin)}: ${printName(rule)}`, action: action.kind, log: source.log }
}
