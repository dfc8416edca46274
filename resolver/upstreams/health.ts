import { Class } from '../../dns/codes.ts'
import { ROOT } from '../../dns/name.ts'
import { Type } from '../../dns/types.ts'
import type { Clock, Timer } from '../../host/clock.ts'
import type { UpstreamQuestion } from '../question.ts'
import type { Exchanger } from './exchange.ts'
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
  /** End the checks that are under way. */
  const enders = new Set<() => void>()

  function watch(server: Server): void {
    if (waiting.has(server) || closed) return
    waiting.set(
      server,
      clock.after(server.backoff(clock.monotonic()), () => check(server)),
    )
  }

  function check(server: Server): void {
    const begun = clock.monotonic()
    const asked = exchanger.exchange(server, CHECK, { heard: () => ended(true), failed: () => ended(false) })
    const timer = clock.after(PATIENCE, () => ended(false))
    const stop = (): void => {
      asked.abandon()
      timer.cancel()
      enders.delete(stop)
      waiting.delete(server)
    }
    enders.add(stop)
    const ended = (answered: boolean): void => {
      stop()
      const now = clock.monotonic()
      if (answered && server.answered(now - begun, now)) recovered(server)
      else if (!answered) server.failed(now)
      if (server.down) watch(server)
    }
  }

  return {
    watch,
    close() {
      closed = true
      for (const stop of enders) stop()
      for (const timer of waiting.values()) timer.cancel()
      waiting.clear()
    },
  }
}
