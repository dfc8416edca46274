import { Class } from '../dns/codes.ts'
import { ROOT } from '../dns/name.ts'
import { Type } from '../dns/types.ts'
import type { Clock, Timer } from '../host/clock.ts'
import { Cancellation } from './cancellation.ts'
import type { Exchanger } from './exchange.ts'
import type { UpstreamQuestion } from './question.ts'
import type { Server } from './server.ts'

/** Asks servers that are down, nobody's question at hand, until they answer. */
export interface HealthChecks {
  /** The server has been taken for down. */
  watch(server: Server): void
  close(): void
}

/** What every resolver knows, and every authoritative server can refuse: any answer will do. */
const CHECK: UpstreamQuestion = {
  name: ROOT,
  type: Type.NS,
  class: Class.IN,
  recursionDesired: true,
  dnssecOk: false,
  checkingDisabled: false,
}
const PATIENCE = 2000

/** One check at a time and server, each as long after the one before as the server's back-off says. */
export function createHealthChecks(
  exchanger: Exchanger,
  clock: Clock,
  recovered: (server: Server) => void,
): HealthChecks {
  const waiting = new Map<Server, Timer>()
  let closed = false
  /** Of the checks that are under way. */
  const checks = new Set<Cancellation>()

  function watch(server: Server): void {
    if (waiting.has(server) || closed) return
    waiting.set(
      server,
      clock.after(server.backoff(clock.monotonic()), () => void check(server)),
    )
  }

  async function check(server: Server): Promise<void> {
    const begun = clock.monotonic()
    const cancellation = new Cancellation()
    checks.add(cancellation)
    const timer = clock.after(PATIENCE, () => cancellation.cancel())
    const answered = await exchanger.exchange(server, CHECK, cancellation).then(
      () => true,
      () => false,
    )
    timer.cancel()
    checks.delete(cancellation)
    waiting.delete(server)
    const now = clock.monotonic()
    if (answered && server.answered(now - begun, now)) recovered(server)
    else if (!answered) server.failed(now)
    if (server.down) watch(server)
  }

  return {
    watch,
    close() {
      closed = true
      for (const check of checks) check.cancel()
      for (const timer of waiting.values()) timer.cancel()
      waiting.clear()
    },
  }
}
