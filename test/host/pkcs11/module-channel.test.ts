import { readFileSync } from 'node:fs'
import t from 'tap'
import { CKR } from '../../../host/pkcs11/codes.ts'
import { startModule } from '../../../host/pkcs11/module-channel.ts'
import { createSimulatedClock } from '../../simulation/clock.ts'

const NONE = '/no/such/module.so'

t.test('a module that is not there, or is none, is refused in the words of the linker', async t => {
  for (const [path, message] of [
    [NONE, /no such file/i],
    ['libc.so.6', /C_GetFunctionList/],
  ] as const) {
    const channel = startModule(path, createSimulatedClock())
    await t.rejects(channel.ask({ call: 'initialize', parameters: [] }), { name: 'Error', message }, path)
    t.equal(channel.lost, false, 'its process goes on')
    channel.end()
  }
})

t.test('what needs a module that was not started is answered so', async t => {
  const channel = startModule(NONE, createSimulatedClock())
  const asked = channel.ask({ call: 'tokens', parameters: [] })
  await t.rejects(asked, { name: 'CryptokiError', value: CKR.CRYPTOKI_NOT_INITIALIZED })
  channel.end()
  t.equal(channel.lost, true)
  await t.rejects(channel.ask({ call: 'tokens', parameters: [] }), { message: /was ended/ })
})

const skip = process.platform !== 'linux' && 'finds the process in /proc'

t.test('a process that dies or hangs at a call ends the call', { skip }, async t => {
  const clock = createSimulatedClock()
  const dying = startModule(NONE, clock)
  const dead = dying.ask({ call: 'sign', parameters: [] })
  process.kill(lastChild(), 'SIGSEGV')
  await t.rejects(dead, {
    message: `the PKCS#11 module ${NONE} ended with SIGSEGV at sign`,
    value: CKR.CRYPTOKI_NOT_INITIALIZED,
  })
  t.equal(dying.lost, true)

  const hanging = startModule(NONE, clock)
  const asked = hanging.ask({ call: 'sign', parameters: [] })
  process.kill(lastChild(), 'SIGSTOP')
  clock.advance(20_000)
  await t.rejects(asked, { message: /gave no answer in 20 s at sign/, value: CKR.FUNCTION_FAILED })
  t.equal(hanging.lost, true)
})

/** The process that was started last; those before it may still be ending. */
function lastChild(): number {
  const pids = readFileSync(`/proc/${process.pid}/task/${process.pid}/children`, 'utf8')
  return Number(pids.trim().split(' ').at(-1))
}
