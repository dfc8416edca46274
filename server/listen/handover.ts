import { connect, type Socket } from 'node:net'
import type { ShownCertificate } from '../../host/network.ts'
import { certificateField } from './certificate-field.ts'
import type { Peer, ServedConnection } from './connections.ts'
import { writeProxyHeader } from './proxy-header.ts'

/** The major version of HTTP that is spoken on a connection. */
export type HttpVersion = 1 | 2

/**
 * A connection that another thread serves, which listens on a Unix socket: it gets an octet with the version of HTTP, a header of the PROXY
 * protocol that tells the client and the certificate that it has shown, and then what the client sends, decrypted. It watches over limits and
 * time-outs.
 */
export class Handover implements ServedConnection {
  closed = false
  /** Only the other side knows. */
  readonly quiet = false
  private readonly socket: Socket
  private readonly inner: Socket

  constructor(
    socket: Socket,
    peer: Peer,
    path: string,
    version: HttpVersion,
    read: Uint8Array,
    shown: ShownCertificate | undefined,
  ) {
    this.socket = socket
    this.inner = connect({ path, allowHalfOpen: true })
    this.inner.on('error', () => socket.destroy())
    this.inner.on('close', () => socket.destroySoon())
    socket.on('close', () => this.inner.destroy())
    this.inner.write(Buffer.concat([Buffer.of(version), writeProxyHeader(peer, certificateField(shown)), read]))
    socket.pipe(this.inner).pipe(socket)
  }

  expired(): boolean {
    return false
  }

  /** The other side stops as well, and ends it. */
  endWhenIdle(): void {}

  releaseWaiting(): void {}

  destroy(): void {
    this.socket.destroy()
  }
}
