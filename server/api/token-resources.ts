import { Type as T } from 'typebox'
import { requireAll } from './authenticate.ts'
import type { ApiContext } from './context.ts'
import type { ApiScope } from './openapi.ts'
import { described, runCommand } from './resources.ts'

const Texts = T.Array(T.String(), { maxItems: 100 })

/** Tokens, for whoever has one for everything: nobody hands out more than they have. */
export function tokenRoutes(scope: ApiScope, context: ApiContext): void {
  scope.get(
    '/api/v1/tokens',
    { schema: described('tokens', 'The tokens without their secrets', {}) },
    async request => {
      requireAll(request, 'admin')
      return runCommand(context, 'token.list', {})
    },
  )
  scope.post(
    '/api/v1/tokens',
    {
      schema: described('tokens', 'Makes a token; it is shown this once', {
        body: T.Object({
          name: T.Optional(T.String()),
          zones: Texts,
          roles: T.Optional(Texts),
          views: T.Optional(Texts),
          from: T.Optional(Texts),
          expires: T.Optional(T.String({ description: 'a duration: 90d' })),
        }),
      }),
    },
    async request => {
      requireAll(request, 'admin')
      return runCommand(context, 'token.create', request.body)
    },
  )
  scope.delete(
    '/api/v1/tokens/:name',
    { schema: described('tokens', 'Makes a token hold no longer', { params: T.Object({ name: T.String() }) }) },
    async request => {
      requireAll(request, 'admin')
      return runCommand(context, 'token.revoke', request.params)
    },
  )
}
