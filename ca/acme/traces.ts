import { type Attributes, type Span, type SpanContext, silentTracer, type Tracer } from '../../host/tracer.ts'
import { AcmeError, problemOf } from '../problems.ts'
import type { Answer } from './answer.ts'

/** A signed request to a resource of a directory, as it is traced. */
export interface TracedRequest {
  /** The resource, below the directory: "/order/:id/finalize". */
  resource: string
  parameters: Readonly<Record<string, string>>
  /** Where it came from, and what it says it is part of. */
  address: string
  traceparent: string | undefined
}

/** Orders and authorizations whose traces are gone on with; beyond that the oldest begin anew. */
const MOST = 10_000

/**
 * The traces of orders: what a client asks for an order and its authorizations, one request after another, is one trace, unless the client has one of
 * its own. In memory alone; after a restart an order begins another.
 */
export class OrderTraces {
  private readonly tracer: Tracer
  private readonly issuer: string
  /** By the ids of orders and authorizations. */
  private readonly known = new Map<string, SpanContext>()

  constructor(tracer: Tracer, issuer: string) {
    this.tracer = tracer
    this.issuer = issuer
  }

  /** Answers the request as a span. */
  answer(request: TracedRequest, work: () => Promise<Answer>): Promise<Answer> {
    if (this.tracer === silentTracer) return work()
    const { resource, parameters, address, traceparent } = request
    const parent = this.tracer.accept(address, traceparent) ?? this.known.get(subjectOf(parameters))
    const attributes = { ...describe(request), 'acme.issuer': this.issuer, 'client.address': address }
    return this.tracer.span(`POST ${resource}`, { kind: 'server', parent, attributes }, async span => {
      try {
        const answer = await work()
        this.remember(answer, span)
        span.set({ 'http.response.status_code': answer.status ?? 200, ...describeAnswer(answer) })
        return answer
      } catch (error) {
        if (error instanceof AcmeError)
          span.set({ 'acme.problem': error.type, 'http.response.status_code': problemOf(error).status })
        throw error
      }
    })
  }

  private remember({ body, location }: Answer, { context }: Span): void {
    const { authorizations } = (body ?? {}) as { authorizations?: readonly string[] }
    if (!authorizations || location === undefined || !context) return
    for (const id of [location, ...authorizations].map(lastPart)) {
      if (this.known.has(id)) continue
      if (this.known.size >= MOST) this.known.delete(this.known.keys().next().value!)
      this.known.set(id, context)
    }
  }
}

/** The order or authorization that a resource belongs to. */
function subjectOf({ id = '', authorization = id }: TracedRequest['parameters']): string {
  return authorization
}

function lastPart(url: string): string {
  return url.slice(url.lastIndexOf('/') + 1)
}

function describe({ resource, parameters }: TracedRequest): Attributes {
  const common = { 'http.request.method': 'POST', 'http.route': resource }
  if (resource.startsWith('/order/')) return { ...common, 'acme.order': parameters['id'] }
  if (resource.startsWith('/challenge/')) return { ...common, 'acme.authorization': parameters['authorization'] }
  return resource.startsWith('/authorization/') ? { ...common, 'acme.authorization': parameters['id'] } : common
}

function describeAnswer({ body, location }: Answer): Attributes {
  const { status, identifiers, profile } = (body ?? {}) as {
    status?: string
    profile?: string
    identifiers?: readonly { value: string }[]
  }
  return {
    ...(status !== undefined && { 'acme.status': status }),
    ...(identifiers && { 'acme.identifiers': identifiers.map(({ value }) => value) }),
    ...(profile !== undefined && { 'acme.profile': profile }),
    ...(identifiers && location !== undefined && { 'acme.order': lastPart(location) }),
  }
}
