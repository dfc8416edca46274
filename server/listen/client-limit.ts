import type { Server } from 'node:net'
import { addressBytes, containsAddress, type Prefix } from '../../config/address.ts'
import { lookFirst } from './before-handshake.ts'
import { clientKey } from './connections.ts'

/**
 * Lets no client have more than `most` connections of a TLS server, from the moment they are accepted: who does not shake hands must not take the
 * room of all others (RFC 9210 §4.3). Proxies, who speak for many, are spared.
 */
export function limitClients(server: Server, most: number, proxies: () => readonly Prefix[]): void {
  const open = new Map<string, number>()
  const release = (key: string): void => {
    const left = open.get(key)! - 1
    if (left > 0) open.set(key, left)
    else open.delete(key)
  }
  lookFirst(server, (socket, proceed) => {
    const address = addressBytes(socket.remoteAddress ?? '')
    // The client is gone again.
    if (!address) return void socket.destroy()
    if (!containsAddress(proxies(), address)) {
      const key = clientKey(address)
      const held = open.get(key) ?? 0
      if (held >= most) return void socket.destroy()
      open.set(key, held + 1)
      socket.once('close', () => release(key))
    }
    proceed()
  })
}
