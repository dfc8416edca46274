import type { FastifyRequest } from 'fastify'
import { Type as T } from 'typebox'
import { TextError } from '../../dns/errors.ts'
import { parseName } from '../../dns/name.ts'
import { requireAll, tokenOf } from './authenticate.ts'
import type { ApiContext } from './context.ts'
import type { ApiScope } from './openapi.ts'
import { ApiError } from './problem.ts'
import { described, runCommand } from './resources.ts'
import { coversName, holderOf, type Token } from './tokens.ts'

/** The CA. Its certificates are shown to whom the names are for; whoever changes something must have a token for everything. */
export function caRoutes(scope: ApiScope, context: ApiContext): void {
  const run = (name: string, args: object = {}) => runCommand(context, name, args)
  const guarded = (request: FastifyRequest, name: string, args: object = {}) => {
    requireAll(request, 'admin')
    return run(name, args)
  }
  const serial = T.Object({ serial: T.String({ pattern: '^[0-9A-Fa-f:]{1,80}$' }) })

  const known = <Found extends { names: string[] }>(request: FastifyRequest, found: Found[]) =>
    found.filter(({ names }) => names.every(name => mayKnow(tokenOf(request), name)))

  scope.get('/api/v1/ca', { schema: described('ca', 'The CA at a glance', {}) }, async () => run('ca.show'))
  scope.get('/api/v1/ca/roots', { schema: described('ca', 'The trust anchors', {}) }, async () => run('ca.roots'))
  scope.get(
    '/api/v1/ca/certificates',
    {
      schema: described('ca', 'Certificates of names that the token is for', {
        querystring: T.Object({
          name: T.Optional(T.String()),
          account: T.Optional(T.String()),
          all: T.Optional(T.Boolean({ description: 'those that are expired or revoked, too' })),
          after: T.Optional(T.String({ description: 'a serial: goes on from there' })),
          limit: T.Optional(T.Integer({ minimum: 1, maximum: 1000 })),
        }),
      }),
    },
    async request => {
      return known(request, (await run('ca.list', request.query)) as { names: string[] }[])
    },
  )
  scope.get(
    '/api/v1/ca/certificates/:serial',
    { schema: described('ca', 'A certificate with its chain, and what happened to it', { params: serial }) },
    async request => {
      const found = (await run('ca.certificate', request.params)) as { names: string[] }
      const [one] = known(request, [found])
      if (!one) throw new ApiError(403, `${holderOf(tokenOf(request))} is not for its names`)
      return one
    },
  )
  scope.get(
    '/api/v1/ca/expiring',
    {
      schema: described('ca', 'What ends within so many days, the soonest first', {
        querystring: T.Object({ days: T.Optional(T.Integer({ minimum: 0 })) }),
      }),
    },
    async request => known(request, (await run('ca.expiring', request.query)) as { names: string[] }[]),
  )
  const limit = T.Optional(T.Integer({ minimum: 1, maximum: 1000 }))
  scope.get(
    '/api/v1/ca/orders',
    {
      schema: described('ca', 'The last orders, and why they failed where they did', {
        querystring: T.Object({ failed: T.Optional(T.Boolean()), limit }),
      }),
    },
    async request => known(request, (await run('ca.orders', request.query)) as { names: string[] }[]),
  )
  scope.get(
    '/api/v1/ca/refusals',
    { schema: described('ca', 'Orders that were not even taken, and why', { querystring: T.Object({ limit }) }) },
    async request => {
      requireAll(request, 'read')
      return run('ca.refusals', request.query)
    },
  )
  scope.post(
    '/api/v1/ca/certificates',
    {
      schema: described('ca', 'Signs a request, past challenges and rules: for emergencies', {
        body: T.Object({
          csr: T.String({ maxLength: 65_536, description: 'PEM' }),
          profile: T.Optional(T.String()),
          issuer: T.Optional(T.String()),
        }),
      }),
    },
    async request => guarded(request, 'ca.sign', request.body),
  )
  scope.post(
    '/api/v1/ca/certificates/:serial/revoke',
    {
      schema: described('ca', 'Revokes a certificate', {
        params: serial,
        body: T.Object({ reason: T.Optional(T.String({ description: 'as RFC 5280 §5.3.1 names it' })) }),
      }),
    },
    async request => guarded(request, 'ca.revoke', { ...request.params, ...request.body }),
  )
  scope.get(
    '/api/v1/ca/log/head',
    { schema: described('ca', 'The signed head of the record (RFC 9162)', {}) },
    async () => run('ca.log.head'),
  )
  scope.get(
    '/api/v1/ca/log/inclusion/:serial',
    { schema: described('ca', 'The proof that a certificate is in the record', { params: serial }) },
    async request => {
      const found = (await run('ca.certificate', request.params)) as { names: string[] }
      if (known(request, [found]).length === 0)
        throw new ApiError(403, `the token ${tokenOf(request).name} is not for its names`)
      return run('ca.log.prove', request.params)
    },
  )
  scope.get(
    '/api/v1/ca/log/consistency',
    {
      schema: described('ca', 'The proof that the record of now begins with one whose head was kept', {
        querystring: T.Object({ from: T.Integer({ minimum: 1, description: 'the size of that tree' }) }),
      }),
    },
    async request => run('ca.log.consistency', request.query),
  )
  scope.get('/api/v1/ca/bindings', { schema: described('ca', 'Keys that bind ACME accounts', {}) }, async request =>
    guarded(request, 'ca.eab.list'),
  )
  scope.post(
    '/api/v1/ca/bindings',
    { schema: described('ca', 'Makes such a key; it is shown this once', { body: T.Object({ name: T.String() }) }) },
    async request => guarded(request, 'ca.eab.create', request.body),
  )
  scope.delete(
    '/api/v1/ca/bindings/:kid',
    { schema: described('ca', 'Makes such a key hold no longer', { params: T.Object({ kid: T.String() }) }) },
    async request => guarded(request, 'ca.eab.revoke', request.params),
  )
}

/** Whether the token may hear of a certificate for this name; of what is no name only one for everything may. */
function mayKnow(token: Token, name: string): boolean {
  if (token.zones.some(({ text }) => text === '**')) return true
  try {
    return coversName(token, parseName(name))
  } catch (error) {
    if (error instanceof TextError) return false
    throw error
  }
}
