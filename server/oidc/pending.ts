import type { Clock } from '../../host/clock.ts'
import type { Random } from '../../host/random.ts'

/** What a login that has begun must come back with. */
export interface PendingLogin {
  /** RFC 6749 §10.12: that it is the same browser's. */
  readonly state: string
  /** OpenID Connect §15.5.2: that the ID token was made for it. */
  readonly nonce: string
  /** RFC 7636 §4.1: that it is us who exchange the code. */
  readonly verifier: string
}

const OCTETS = 32
/** Milliseconds that somebody may take to log in at the provider. */
const PATIENCE = 600_000
/** Logins at once; beyond that the oldest is forgotten. */
const MOST = 1000

/** The logins that have begun and have not come back. In memory alone; a restart ends all. */
export class PendingLogins {
  private readonly clock: Clock
  private readonly random: Random
  /** By what the browser's cookie says, the oldest first. */
  private readonly logins = new Map<string, PendingLogin & { begun: number }>()

  constructor(clock: Clock, random: Random) {
    this.clock = clock
    this.random = random
  }

  /** Begins one; the browser must show `secret` again. */
  begin(): { secret: string; login: PendingLogin } {
    const text = () => Buffer.from(this.random.bytes(OCTETS)).toString('base64url')
    if (this.logins.size >= MOST) this.logins.delete(this.logins.keys().next().value!)
    const login = { state: text(), nonce: text(), verifier: text() }
    const secret = text()
    this.logins.set(secret, { ...login, begun: this.clock.monotonic() })
    return { secret, login }
  }

  /** The login of this browser, which is over thereby: nothing comes back twice. */
  take(secret: string): PendingLogin | undefined {
    const login = this.logins.get(secret)
    this.logins.delete(secret)
    return login && this.clock.monotonic() - login.begun <= PATIENCE ? login : undefined
  }
}

/** Seconds that a browser keeps its part. */
export const PENDING_SECONDS = PATIENCE / 1000
