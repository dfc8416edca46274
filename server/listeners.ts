import { printSocketAddress } from '../config/address.ts'
import type { ListenConfig } from '../config/schema.ts'
import type { SocketAddress } from '../host/network.ts'
import { type Early, type HttpListener, openHttp } from './http/http.ts'
import { takeInherited } from './listen/inherited.ts'
import type { Libc } from './listen/libc.ts'
import { describeListenError, ListenError, type OpenSockets, openSockets } from './listen/sockets.ts'

/** Every socket that the configuration asks for: those of DNS and HTTPS are the serving threads'. They are bound while we may still be root; nothing is answered yet. */
export interface Listeners {
  dns: OpenSockets
  http: HttpListener
  metrics: HttpListener
  /** What was bound, by listener, as it is written in the configuration. */
  bound: Record<keyof ListenConfig, string[]>
  /** Lets requests in flight end for `patience` milliseconds. */
  closeHttp(patience: number): Promise<void>
}

/** Binds all, or none and throws ListenError: one sentence that says what to do. */
export async function openListeners(listen: ListenConfig, workers: number, libc: Libc | undefined): Promise<Listeners> {
  const inherited = libc ? takeInherited(libc, process.env, process.pid) : []
  const { dns: ports, dot, https } = listen
  const dns = await openSockets({ dns: ports, dot, https, workers, libc, inherited })
  const [spare] = inherited
  if (spare) {
    dns.close()
    const where = `${printSocketAddress(spare.address)} (${spare.type})`
    throw new ListenError(
      `${where} was passed on by the service manager, but none of listen.dns, listen.dot and listen.https has it: make socket unit and configuration agree`,
      'unused',
    )
  }
  const opened: HttpListener[] = []
  const closeHttp = async (patience: number) => {
    await Promise.all(opened.map(listener => listener.close(patience)))
  }
  try {
    const http = await open(listen.http, 'waits', opened)
    // /ready says 503 from the first moment.
    const metrics = await open(listen.metrics, 'is refused', opened)
    const bound = {
      dns: dns.dns.map(printSocketAddress),
      dot: dns.dot.map(printSocketAddress),
      https: dns.https.map(printSocketAddress),
      http: http.bound.map(printSocketAddress),
      metrics: metrics.bound.map(printSocketAddress),
    }
    return { dns, http, metrics, bound, closeHttp }
  } catch (error) {
    dns.close()
    await closeHttp(0)
    throw error
  }
}

async function open(addresses: readonly SocketAddress[], early: Early, opened: HttpListener[]): Promise<HttpListener> {
  let listener: HttpListener
  try {
    listener = await openHttp(addresses, early)
  } catch (error) {
    const { code, message, address, port } = error as NodeJS.ErrnoException & Partial<SocketAddress>
    if (address === undefined || port === undefined) throw error
    const reason = code ?? message
    throw new ListenError(describeListenError(reason, 'tcp', { address, port }), reason)
  }
  opened.push(listener)
  return listener
}
