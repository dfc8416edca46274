import { hash } from 'node:crypto'
import type { FastifyRequest } from 'fastify'
import type { Clock } from '../../host/clock.ts'
import type { Random } from '../../host/random.ts'
import { cookieOf, printCookie } from './cookies.ts'
import type { Token, Tokens } from './tokens.ts'

const COOKIE = '__Host-namestead'
const SECRET_OCTETS = 32
const MINUTE = 60_000
/** A session ends after so long without a request, and after so long altogether. */
const LIFE = { idle: 60 * MINUTE, whole: 12 * 60 * MINUTE }
/** Sessions at once; beyond that the one that was quiet for longest ends. */
const MOST = 1000

/** Where a browser goes from here; undefined where that is nowhere. */
export type Onward = () => Promise<string | undefined>

interface Session {
  /** What it stands for, as long as that holds. */
  holder: () => Token | undefined
  /** Where the browser goes when it ends, to end elsewhere what it came from; left out: nowhere. */
  onward: Onward | undefined
  opened: number
  used: number
}

/** The sessions of the dashboard: a secret in a cookie that no script reads stands for a token, or a person. In memory alone; a restart ends all. */
export class Sessions {
  private readonly tokens: Pick<Tokens, 'holding'>
  private readonly clock: Clock
  private readonly random: Random
  /** By the digest of their secrets, in the order of their last use. */
  private readonly sessions = new Map<string, Session>()

  constructor(tokens: Pick<Tokens, 'holding'>, clock: Clock, random: Random) {
    this.tokens = tokens
    this.clock = clock
    this.random = random
  }

  /** Opens a session for whoever has shown the token; gives the cookie to be set. */
  open({ id }: Token): string {
    return this.openFor(() => this.tokens.holding(id))
  }

  /** Opens one for whoever `holder` gives, asked again at each request; gives the cookie to be set. */
  openFor(holder: Session['holder'], onward?: Onward): string {
    const secret = Buffer.from(this.random.bytes(SECRET_OCTETS)).toString('base64url')
    if (this.sessions.size >= MOST) this.sessions.delete(this.sessions.keys().next().value!)
    const now = this.clock.monotonic()
    this.sessions.set(digestOf(secret), { holder, onward, opened: now, used: now })
    return printCookie(COOKIE, secret, LIFE.whole / 1000, 'Strict')
  }

  /** The token of the session, if both hold now. */
  tokenOf(secret: string): Token | undefined {
    const key = digestOf(secret)
    const session = this.sessions.get(key)
    if (!session) return undefined
    const now = this.clock.monotonic()
    this.sessions.delete(key)
    const token = session.holder()
    if (!token || now - session.used > LIFE.idle || now - session.opened > LIFE.whole) return undefined
    this.sessions.set(key, { ...session, used: now })
    return token
  }

  /** Ends the session; gives the cookie that removes it, and where the browser goes then. */
  close(secret: string): { cookie: string; onward: Onward | undefined } {
    const key = digestOf(secret)
    const onward = this.sessions.get(key)?.onward
    this.sessions.delete(key)
    return { cookie: printCookie(COOKIE, '', 0, 'Strict'), onward }
  }
}

/** The secret of a request's session. */
export function sessionOf(request: FastifyRequest): string | undefined {
  return cookieOf(request, COOKIE)
}

/** Found by its digest, so that how long a look-up takes tells nothing of secrets. */
function digestOf(secret: string): string {
  return hash('sha256', secret, 'base64')
}
