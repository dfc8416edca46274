import type { Clock, Timer } from '../host/clock.ts'
import { LINUX, type Libc } from './listen/libc.ts'

/** What the supervisor is told of us: sd_notify(3). */
export interface ServiceManager {
  /** Every listener answers. */
  ready(status: string): void
  reloading(): void
  stopping(): void
  /** No more signs of life are sent. */
  close(): void
}

const SILENT: ServiceManager = { ready() {}, reloading() {}, stopping() {}, close() {} }

/** Octets of `sun_path` in a `struct sockaddr_un`. */
const PATH_SIZE = 108
const MICROSECONDS = 1000

export interface ServiceManagerOptions {
  /** Undefined where the C library can't be called: nobody is told then. */
  libc: Libc | undefined
  env: NodeJS.ProcessEnv
  pid: number
  clock: Clock
}

/**
 * Speaks to the service manager named by `NOTIFY_SOCKET`, or to nobody. Where it watches over us (`WATCHDOG_USEC`), the main thread
 * sends a sign of life twice in that time: one that hangs is replaced. The variables are removed, so that no child speaks for us.
 */
export function createServiceManager({ libc, env, pid, clock }: ServiceManagerOptions): ServiceManager {
  const path = env['NOTIFY_SOCKET']
  const watched = env['WATCHDOG_PID'] === undefined || env['WATCHDOG_PID'] === String(pid)
  const watchdog = watched ? Number(env['WATCHDOG_USEC'] ?? 0) / MICROSECONDS : 0
  for (const name of ['NOTIFY_SOCKET', 'WATCHDOG_USEC', 'WATCHDOG_PID']) delete env[name]
  if (!libc || !path || Buffer.byteLength(path) > PATH_SIZE) return SILENT
  const tell = (...lines: string[]) => send(libc, path, lines.join('\n'))
  let timer: Timer | undefined
  const beat = () => {
    tell('WATCHDOG=1')
    timer = clock.after(watchdog / 2, beat)
  }
  return {
    ready(status) {
      tell('READY=1', `STATUS=${status}`)
      if (watchdog > 0 && !timer) beat()
    },
    reloading: () => tell('RELOADING=1', `MONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`),
    stopping: () => tell('STOPPING=1', 'STATUS=finishing what is in flight'),
    close: () => timer?.cancel(),
  }
}

/** A socket for each message: there are few, and a restarted service manager has another one. A failure is not ours to complain of. */
function send(libc: Libc, path: string, message: string): void {
  const fd = libc.socket(LINUX.AF_UNIX, LINUX.SOCK_DGRAM | LINUX.SOCK_CLOEXEC, 0)
  if (fd < 0) return
  const address = unixAddress(path)
  const octets = Buffer.from(message)
  if (libc.connect(fd, address, address.length) === 0) libc.send(fd, octets, octets.length, LINUX.MSG_DONTWAIT)
  libc.close(fd)
}

/** `struct sockaddr_un` of a path, or of an abstract name where it begins with "@". */
function unixAddress(path: string): Uint8Array {
  const name = Buffer.from(path)
  if (path.startsWith('@')) name[0] = 0
  return Buffer.concat([Uint8Array.of(LINUX.AF_UNIX, 0), name])
}
