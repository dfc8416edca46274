import { once } from 'node:events'
import { createServer } from 'node:https'
import Provider from 'oidc-provider'
import type { Test } from 'tap'
import { selfSigned } from '../../server/certificate.ts'
import { freePorts } from '../tools.ts'

/** What the provider knows of whoever logs in by these names, with any password. */
const PEOPLE: Readonly<Record<string, object>> = {
  alice: { preferred_username: 'alice@corp.example', groups: ['staff', 'dns-admins'] },
  bob: { preferred_username: 'bob@corp.example', groups: ['team-a'] },
  eve: { preferred_username: 'eve@corp.example', groups: ['staff'] },
}

/** A provider of OpenID Connect with a certificate of its own; ends with the test. */
export async function startProvider(
  t: Test,
  client: { redirect: string; home: string; secret: string },
): Promise<{ issuer: string; roots: string; errors: string[] }> {
  const [port] = await freePorts(1)
  const issuer = `https://localhost:${port}`
  const { certificate, key } = await selfSigned('localhost')
  const provider = new Provider(issuer, {
    clients: [
      {
        ...{ client_id: 'namestead', client_secret: client.secret },
        ...{ redirect_uris: [client.redirect], post_logout_redirect_uris: [client.home] },
      },
    ],
    claims: { openid: ['sub'], profile: ['preferred_username'], groups: ['groups'] },
    scopes: ['openid', 'profile', 'groups'],
    cookies: { keys: ['of-a-test'] },
    findAccount: (_context: unknown, id: string) => ({
      accountId: id,
      claims: () => ({ sub: id, ...PEOPLE[id] }),
    }),
  })
  const errors: string[] = []
  for (const event of ['authorization.error', 'grant.error', 'server_error'])
    provider.on(event, (_context, error) => errors.push((error as Error).message))
  const server = createServer({ cert: certificate, key }, provider.callback())
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return { issuer, roots: certificate, errors }
}
