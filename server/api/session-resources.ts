import type { Session, SessionEnd } from '../../cli/replies.ts'
import { printName } from '../../dns/name.ts'
import { tokenOf } from './authenticate.ts'
import type { ApiContext } from './context.ts'
import type { ApiScope } from './openapi.ts'
import { requireOwnPage } from './origin.ts'
import { ApiError } from './problem.ts'
import { described } from './resources.ts'
import { sessionOf } from './sessions.ts'
import { describeToken, isForAll } from './tokens.ts'

const PATH = '/api/v1/session'

/** Sessions of the dashboard: a token is shown once, and a cookie stands for it from then on. */
export function sessionRoutes(scope: ApiScope, { sessions, config }: ApiContext): void {
  const tell = (request: Parameters<typeof tokenOf>[0]): Session => {
    const token = tokenOf(request)
    const { ca, name } = config()
    return { ...describeToken(token), everything: isForAll(token), ca: ca !== undefined, server: printName(name) }
  }
  scope.post(
    PATH,
    { schema: described('session', 'Opens a session for the token that came along: sets a cookie', {}) },
    async (request, reply) => {
      requireOwnPage(request)
      if (tokenOf(request).kind === 'certificate')
        throw new ApiError(422, 'sessions are opened by tokens; who shows a certificate needs none')
      reply.header('set-cookie', sessions.open(tokenOf(request)))
      return tell(request)
    },
  )
  scope.get(PATH, { schema: described('session', 'Who is asking, and for what the token is', {}) }, async request =>
    tell(request),
  )
  scope.delete(
    PATH,
    { schema: described('session', 'Ends the session; says where the browser goes to end its login elsewhere', {}) },
    async (request, reply): Promise<SessionEnd> => {
      const { cookie, onward } = sessions.close(sessionOf(request) ?? '')
      reply.header('set-cookie', cookie)
      return { onward: (await onward?.()) ?? null }
    },
  )
}
