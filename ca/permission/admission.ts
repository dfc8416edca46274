import { TextError } from '../../dns/errors.ts'
import { type Name, parseName } from '../../dns/name.ts'
import type { Hierarchy } from '../hierarchy/hierarchy.ts'
import { type Identifier, IdentifierError, identifierOfHost, parseIdentifier } from '../identifier.ts'
import { judge, type Policy } from './policy.ts'

/** The part of a Kubernetes object that names hosts. */
interface Named {
  kind?: unknown
  spec?: Record<string, unknown>
}

/** An AdmissionReview (admission.k8s.io/v1), as far as it is looked at. */
interface AdmissionRequest {
  uid: string
  operation?: unknown
  object?: Named | null
}

/** What decides. */
export interface AdmissionDeps {
  /** As the config has it now. */
  policy(): Policy
  hierarchy: Pick<Hierarchy, 'permits'>
}

/**
 * Judges the hosts of an Ingress, Gateway, Route or Certificate as an order of the key's holder would be, before there is one. `body` is
 * an AdmissionReview with a request; gives the one with the response, undefined where it is no such thing.
 */
export function reviewAdmission(body: Uint8Array, keyName: string, deps: AdmissionDeps): object | undefined {
  const request = readRequest(body)
  const key = readKey(keyName)
  if (!request || !key) return undefined
  const { refused, waiting } = verdicts(request, key, deps)
  const response = {
    uid: request.uid,
    allowed: refused.length === 0,
    ...(refused.length > 0 && { status: { code: 403, reason: 'Forbidden', message: refused.join('; ') } }),
    ...(waiting.length > 0 && { warnings: waiting }),
  }
  return { apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', response }
}

function verdicts({ operation, object }: AdmissionRequest, key: Name, { policy, hierarchy }: AdmissionDeps) {
  const refused: string[] = []
  const waiting: string[] = []
  // What goes needs no permission.
  if (operation === 'DELETE' || !object) return { refused, waiting }
  for (const host of hostsOf(object)) {
    const identifier = typeof host === 'string' ? identifierOf(host) : host
    if (!identifier) {
      refused.push(`${JSON.stringify(host)} can not be certified`)
      continue
    }
    // Nothing is proved, nor will it be before this is decided: a rule for writers is met by the key, or not at all.
    const verdict = judge(policy(), identifier, { identifiers: [identifier], keys: [key], proofs: new Map() })
    if (verdict.kind === 'refused') refused.push(`${identifier.value}: ${verdict.reason}`)
    else if (!hierarchy.permits(identifier))
      refused.push(`${identifier.value} is outside the name constraints of the CA`)
    else if (verdict.kind === 'approval')
      waiting.push(`${identifier.value}: a person must approve it, for ${verdict.because}`)
  }
  return { refused, waiting }
}

function identifierOf(host: string): Identifier | undefined {
  try {
    return identifierOfHost(host)
  } catch (error) {
    if (error instanceof IdentifierError) return undefined
    throw error
  }
}

/** The hosts that an object names; none of one that names no hosts. Others than names and addresses come as identifiers. */
function hostsOf({ kind, spec = {} }: Named): (string | Identifier | undefined)[] {
  switch (kind) {
    case 'Ingress':
      return unique([
        ...members(spec['rules'], 'host'),
        ...list(spec['tls']).flatMap(tls => texts(member(tls, 'hosts'))),
      ])
    case 'Gateway':
      return unique(members(spec['listeners'], 'hostname'))
    case 'HTTPRoute':
    case 'GRPCRoute':
    case 'TLSRoute':
      return unique(texts(spec['hostnames']))
    case 'Certificate':
      return [
        ...unique([...texts([spec['commonName']]), ...texts(spec['dnsNames']), ...texts(spec['ipAddresses'])]),
        ...texts(spec['uris']).map(value => otherIdentifier('uri', value)),
        ...texts(spec['emailAddresses']).map(value => otherIdentifier('email', value)),
      ]
    default:
      return []
  }
}

function otherIdentifier(type: 'uri' | 'email', value: string): Identifier | undefined {
  try {
    return parseIdentifier(type, value)
  } catch (error) {
    if (error instanceof IdentifierError) return undefined
    throw error
  }
}

function readRequest(body: Uint8Array): AdmissionRequest | undefined {
  try {
    const { request } = JSON.parse(Buffer.from(body).toString()) as { request?: Partial<AdmissionRequest> }
    return typeof request?.uid === 'string' ? (request as AdmissionRequest) : undefined
  } catch {
    return undefined
  }
}

function readKey(text: string): Name | undefined {
  try {
    return parseName(text)
  } catch (error) {
    if (error instanceof TextError) return undefined
    throw error
  }
}

function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value : []
}

function member(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined
}

function members(value: unknown, name: string): string[] {
  return texts(list(value).map(each => member(each, name)))
}

/** Empty texts stand for "any host" and name none. */
function texts(value: unknown): string[] {
  return list(value).filter((each): each is string => typeof each === 'string' && each !== '')
}

function unique(hosts: readonly string[]): string[] {
  return [...new Set(hosts)]
}
