import t from 'tap'
import { silentLog } from '../../../host/log.ts'
import { CKR } from '../../../host/pkcs11/codes.ts'
import { CryptokiError } from '../../../host/pkcs11/cryptoki.ts'
import type { ModuleChannel, ModuleRequest } from '../../../host/pkcs11/module-channel.ts'
import { linkModule } from '../../../host/pkcs11/module-link.ts'
import { createSimulatedClock } from '../../simulation/clock.ts'

const DATA = Uint8Array.of(1)
const NOT_STARTED = { name: 'CryptokiError', value: CKR.CRYPTOKI_NOT_INITIALIZED }
const GONE = { name: 'CryptokiError', value: CKR.SESSION_HANDLE_INVALID }

/** Processes that are started one after the other; each numbers its sessions from 1, and signs with its own number. */
function playProcesses() {
  const started: { calls: ModuleRequest[]; ended: boolean; lose(): void }[] = []
  const start = (): ModuleChannel => {
    const number = started.length + 1
    let sessions = 0n
    let lost = false
    const own = { calls: [] as ModuleRequest[], ended: false, lose: () => (lost = true) }
    started.push(own)
    return {
      get lost() {
        return lost
      },
      async ask(request) {
        await new Promise(setImmediate)
        if (lost) throw new CryptokiError('the module ended with SIGSEGV', CKR.CRYPTOKI_NOT_INITIALIZED)
        own.calls.push(request)
        if (request.call === 'openSession') return ++sessions
        return request.call === 'sign' ? Uint8Array.of(number) : undefined
      },
      end() {
        own.ended = true
      },
    }
  }
  return { started, link: linkModule('/lib/module.so', createSimulatedClock(), silentLog, start) }
}

t.test('nothing is started before the module is to be', async t => {
  const { started, link } = playProcesses()
  await t.rejects(link.tokens(), NOT_STARTED)
  t.equal(started.length, 0)
  await Promise.all([link.initialize(), link.initialize()])
  t.equal(started.length, 1)
  link.end()
  t.ok(started[0]!.ended)
  await t.rejects(link.tokens(), NOT_STARTED)
})

t.test('calls are made in their order, one at a time', async t => {
  const { started, link } = playProcesses()
  await link.initialize()
  const session = await link.openSession(7n)
  await Promise.all([link.sign(session, 1, 1n, DATA), link.find(session, new Map()), link.closeSession(session)])
  t.strictSame(
    started[0]!.calls.map(({ call }) => call),
    ['initialize', 'openSession', 'sign', 'find', 'closeSession'],
  )
  await t.rejects(link.sign(session, 1, 1n, DATA), GONE)
})

t.test('a session of a process that ended is never taken for the same number of the next', async t => {
  const { started, link } = playProcesses()
  await link.initialize()
  const old = await link.openSession(7n)
  t.same(await link.sign(old, 1, 1n, DATA), [1])
  started[0]!.lose()
  // All of this waits for its turn while the loss is not known yet.
  const [signed, initialized, opened, again] = await Promise.allSettled([
    link.sign(old, 1, 1n, DATA),
    link.initialize(),
    link.openSession(7n),
    link.sign(old, 1, 1n, DATA),
  ])
  t.match(signed, { reason: GONE })
  t.match(initialized, { status: 'fulfilled' })
  t.match(again, { reason: GONE })
  t.equal(started.length, 2)
  const session = (opened as PromiseFulfilledResult<bigint>).value
  t.same(await link.sign(session, 1, 1n, DATA), [2])
  await t.rejects(link.sign(old, 1, 1n, DATA), GONE)
})

t.test('a crash at a call is what the call is told, and all sessions are gone', async t => {
  const { started, link } = playProcesses()
  await link.initialize()
  const session = await link.openSession(7n)
  const signing = link.sign(session, 1, 1n, DATA)
  await Promise.resolve()
  await Promise.resolve()
  started[0]!.lose()
  await t.rejects(signing, { message: 'the module ended with SIGSEGV', value: CKR.CRYPTOKI_NOT_INITIALIZED })
  await link.initialize()
  await t.rejects(link.sign(session, 1, 1n, DATA), GONE)
})

t.test('a restart ends the process with its sessions, and starts the next', async t => {
  const { started, link } = playProcesses()
  await link.initialize()
  const session = await link.openSession(7n)
  await link.restart()
  t.match(started, [{ ended: true }, { ended: false, calls: [{ call: 'initialize' }] }])
  await t.rejects(link.sign(session, 1, 1n, DATA), GONE)
})
