import { createRequire } from 'node:module'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { LINUX, loadLibc } from '../../server/listen/libc.ts'
import { createServiceManager } from '../../server/service-manager.ts'
import { scratchFolder } from '../scratch.ts'
import { createSimulatedClock } from '../simulation/clock.ts'

const libc = loadLibc()
if (!libc) {
  t.pass('only where the C library can be called')
} else {
  const koffi: typeof import('koffi') = createRequire(import.meta.url)('koffi')
  const recv = koffi.load('libc.so.6').func('recv', 'long', ['int', 'void *', 'ulong', 'int'])

  /** A datagram socket of that name, and what has come to it, without waiting. */
  const listen = (t: Test, name: string) => {
    const fd = libc.socket(LINUX.AF_UNIX, LINUX.SOCK_DGRAM | LINUX.SOCK_CLOEXEC, 0)
    t.teardown(() => libc.close(fd))
    const octets = Buffer.from(name)
    if (name.startsWith('@')) octets[0] = 0
    const address = Buffer.concat([Uint8Array.of(LINUX.AF_UNIX, 0), octets])
    t.equal(libc.bind(fd, address, address.length), 0)
    return (): string[] => {
      const messages: string[] = []
      const buffer = new Uint8Array(1024)
      for (;;) {
        const length = Number(recv(fd, buffer, buffer.length, LINUX.MSG_DONTWAIT))
        if (length < 0) return messages
        messages.push(Buffer.from(buffer.subarray(0, length)).toString())
      }
    }
  }

  t.test('the service manager hears of start, reload and stop', async t => {
    const names = [join(scratchFolder(t), 'notify'), `@namestead-test-${process.pid}`]
    for (const name of names) {
      const heard = listen(t, name)
      const env: NodeJS.ProcessEnv = { NOTIFY_SOCKET: name }
      const manager = createServiceManager({ libc, env, pid: 1, clock: createSimulatedClock() })
      t.same(env, {}, 'and no child does')
      manager.ready('serving 3 zones')
      manager.reloading()
      manager.stopping()
      const [ready, reloading, stopping] = heard()
      t.equal(ready, 'READY=1\nSTATUS=serving 3 zones')
      t.match(reloading, /^RELOADING=1\nMONOTONIC_USEC=\d+$/)
      t.match(stopping, /^STOPPING=1\n/)
    }
  })

  t.test('signs of life come twice in the time that is asked for, from the first "ready" until the end', async t => {
    const name = join(scratchFolder(t), 'notify')
    const heard = listen(t, name)
    const clock = createSimulatedClock()
    const env = { NOTIFY_SOCKET: name, WATCHDOG_USEC: '20000000', WATCHDOG_PID: '7' }
    const manager = createServiceManager({ libc, env, pid: 7, clock })
    await clock.advance(60_000)
    t.same(heard(), [], 'a start that hangs is not called alive')
    manager.ready('x')
    manager.ready('x')
    t.equal(heard().filter(message => message === 'WATCHDOG=1').length, 1)
    await clock.advance(60_000)
    t.equal(heard().filter(message => message === 'WATCHDOG=1').length, 6)
    manager.close()
    await clock.advance(60_000)
    t.same(heard(), [])
  })

  t.test('without a service manager, or with one that is gone, nothing happens', async t => {
    const gone = join(scratchFolder(t), 'gone')
    for (const env of [{}, { NOTIFY_SOCKET: gone }, { NOTIFY_SOCKET: `/${'x'.repeat(200)}` }]) {
      const manager = createServiceManager({ libc, env, pid: 1, clock: createSimulatedClock() })
      t.doesNotThrow(() => manager.ready('x'))
      manager.close()
    }
    const elsewhere = { NOTIFY_SOCKET: gone, WATCHDOG_USEC: '1000000', WATCHDOG_PID: '8' }
    const clock = createSimulatedClock()
    createServiceManager({ libc, env: elsewhere, pid: 1, clock }).ready('x')
    t.equal(clock.pending(), 0, 'a watchdog for another process is not fed')
  })
}
