/** A thread that serves a loopback port by `dgram` alone: every datagram goes back. Posts the port. */
import { parentPort } from 'node:worker_threads'
import { listenPlain } from '../../../server/listen/udp-plain.ts'

const listener = await listenPlain({ address: '127.0.0.1', port: 0 }, false, {
  handler(request, at, end, _client, out, outAt) {
    out.set(request.subarray(at, end), outAt)
    return end - at
  },
  beforeBatch() {},
  onError(error) {
    throw error
  },
})
parentPort!.postMessage(listener.address.port)
