import { Type as T } from 'typebox'
import { requireAll } from './authenticate.ts'
import type { ApiContext } from './context.ts'
import type { ApiScope } from './openapi.ts'
import { described, runCommand } from './resources.ts'

const PATH = '/api/v1/ca/approvals'

/** A person's word on names that ask for it: for whoever has a token for everything. */
export function approvalRoutes(scope: ApiScope, context: ApiContext): void {
  scope.get(
    PATH,
    {
      schema: described('ca', 'Names that wait for a person, with who asks for them', {
        querystring: T.Object({ all: T.Optional(T.Boolean({ description: 'those that are decided, too' })) }),
      }),
    },
    async request => {
      requireAll(request, 'read')
      return runCommand(context, 'ca.approvals', request.query)
    },
  )
  scope.post(
    `${PATH}/:id`,
    {
      schema: described('ca', 'Approves a name that waits, for so many days, or denies it', {
        params: T.Object({ id: T.String({ maxLength: 100 }) }),
        body: T.Object({
          deny: T.Optional(T.Boolean()),
          days: T.Optional(T.Integer({ minimum: 1, maximum: 36_500 })),
        }),
      }),
    },
    async request => {
      requireAll(request, 'admin')
      return runCommand(context, 'ca.approve', { ...request.params, ...request.body })
    },
  )
}
