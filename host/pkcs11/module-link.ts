import type { Clock } from '../clock.ts'
import type { Log } from '../log.ts'
import { CKR } from './codes.ts'
import { type Cryptoki, CryptokiError, type Module } from './cryptoki.ts'
import { type ModuleChannel, startModule } from './module-channel.ts'

/** A module in its process, which `initialize` starts, and starts again where it has ended. */
export interface ModuleLink extends Cryptoki {
  end(): void
}

/**
 * Runs the module at that path in a process of its own: what it breaks is broken there. Where it crashes at a call, or gives no answer, the
 * call rejects with CryptokiError, and every session of before is answered CKR_SESSION_HANDLE_INVALID.
 */
export function linkModule(
  path: string,
  clock: Clock,
  log: Log,
  start: (path: string, clock: Clock) => ModuleChannel = startModule,
): ModuleLink {
  let channel: ModuleChannel | undefined
  /** Sessions have numbers of ours, so that one of a process that ended is never taken for one of the next. */
  const sessions = new Map<bigint, bigint>()
  let opened = 0n
  /** One call is under way at a time, and has the patience for itself. */
  let turn: Promise<unknown> = Promise.resolve()

  const forget = () => {
    channel = undefined
    sessions.clear()
  }
  const own = (session: bigint) => {
    const handle = sessions.get(session)
    if (handle === undefined) throw new CryptokiError('the session is gone', CKR.SESSION_HANDLE_INVALID)
    return handle
  }
  const ask = async (call: keyof Module, parameters: readonly unknown[]): Promise<unknown> => {
    if (call === 'initialize') channel ??= start(path, clock)
    const asked = channel
    if (!asked) throw CryptokiError.answered(call, CKR.CRYPTOKI_NOT_INITIALIZED)
    try {
      return await asked.ask({ call, parameters })
    } catch (error) {
      if (asked.lost) {
        log.error(
          { reason: (error as Error).message },
          'a PKCS#11 module was lost; it is started again when it is needed',
        )
        forget()
      }
      throw error
    }
  }
  /** The parameters are made when it is this call's turn: until then the process may be another. */
  const inTurn = <Call extends keyof Module>(call: Call, parameters: () => Parameters<Module[Call]>) => {
    const now = () => {
      if (channel?.lost) forget()
      return ask(call, parameters())
    }
    const done = turn.then(now) as Promise<ReturnType<Module[Call]>>
    turn = done.catch(() => {})
    return done
  }

  const end = () => {
    channel?.end()
    forget()
  }

  return {
    initialize: () => inTurn('initialize', () => []),
    restart: () =>
      inTurn('initialize', () => {
        end()
        return []
      }),
    tokens: () => inTurn('tokens', () => []),
    async openSession(slot, options) {
      const handle = await inTurn('openSession', () => [slot, options])
      sessions.set(++opened, handle)
      return opened
    },
    async closeSession(session) {
      await inTurn('closeSession', () => [own(session)])
      sessions.delete(session)
    },
    login: (session, pin) => inTurn('login', () => [own(session), pin]),
    find: (session, attributes) => inTurn('find', () => [own(session), attributes]),
    attributes: (session, object, types) => inTurn('attributes', () => [own(session), object, types]),
    destroy: (session, object) => inTurn('destroy', () => [own(session), object]),
    generateKeyPair: (session, ...rest) => inTurn('generateKeyPair', () => [own(session), ...rest]),
    sign: (session, ...rest) => inTurn('sign', () => [own(session), ...rest]),
    end,
  }
}
