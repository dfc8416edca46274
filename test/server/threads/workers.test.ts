import t from 'tap'
import { silentLog } from '../../../host/log.ts'
import type { ServingState, ToMain, ToServing } from '../../../server/threads/messages.ts'
import { type SpawnThread, startWorkers } from '../../../server/threads/workers.ts'
import { createSimulatedClock } from '../../simulation/clock.ts'

const STATE: ServingState = {
  epoch: 0,
  config: {
    name: Uint8Array.of(0),
    views: [],
    keys: [],
    cookie_secret: [],
    transfers: { out: 64 },
    chaos: { identity: false },
    proxy_protocol: [],
    log: { level: 'info', queries: false },
  },
  zones: [],
  certificate: null,
}
const SOCKETS = { dns: [], dot: [], https: [], forWorker: () => [], endStreams() {}, close() {} }

/** Threads that say and do only what the test has them do. */
function playThreads() {
  const threads: { says: (message: ToMain) => void; ends: (reason: string) => void }[] = []
  const spawn: SpawnThread = (_init, onMessage, onExit) => {
    const thread = { says: onMessage, ends: onExit }
    threads.push(thread)
    return {
      postMessage: message => void (message.kind === 'stop' && onMessage({ kind: 'stopped' })),
      terminate: () => onExit('it was terminated'),
    }
  }
  return { threads, spawn }
}

t.test('a replacement that can not begin to serve is replaced itself', async t => {
  const clock = createSimulatedClock()
  const { threads, spawn } = playThreads()
  const nothing = () => Promise.reject(new Error('nothing is asked here'))
  const main = { update: nothing, notify: nothing, differences: nothing }
  const starting = startWorkers({ count: 1, sockets: SOCKETS, state: STATE, main, clock, log: silentLog, spawn })
  threads[0]!.says({ kind: 'ready', listening: [] })
  const workers = await starting
  await clock.advance(60_000)
  threads[0]!.ends('it crashed')
  await clock.advance(0)
  t.equal(threads.length, 2)
  threads[1]!.says({ kind: 'failed', message: 'no more descriptors' })
  await clock.advance(10_000)
  t.equal(threads.length, 3)
  threads[2]!.says({ kind: 'ready', listening: [] })
  await workers.stop(0)
})

t.test(
  'asking clients for certificates, or no more, begins with new session tickets, and only where it changes',
  async t => {
    const { threads, spawn } = playThreads()
    const posted: ToServing[] = []
    const listening: SpawnThread = (...of) => {
      const thread = spawn(...of)
      const postMessage = (message: ToServing): void => {
        posted.push(message)
        thread.postMessage(message)
      }
      return { ...thread, postMessage }
    }
    const nothing = () => Promise.reject(new Error('nothing is asked here'))
    const main = { update: nothing, notify: nothing, differences: nothing }
    const clock = createSimulatedClock()
    const options = { count: 1, sockets: SOCKETS, state: STATE, main, clock, log: silentLog, spawn: listening }
    const starting = startWorkers(options)
    threads[0]!.says({ kind: 'ready', listening: [] })
    const workers = await starting
    workers.askClients(['issuer'])
    t.same(posted, [], 'there is no certificate of our own yet')
    workers.renewCertificate({ certificate: 'chain', key: 'key' })
    workers.askClients(['issuer'])
    workers.askClients(undefined)
    const sent = posted.flatMap(message => (message.kind === 'certificate' ? [message.certificate] : []))
    t.match(sent, [
      { certificate: 'chain', key: 'key', clients: ['issuer'] },
      { certificate: 'chain', key: 'key' },
    ])
    t.equal(sent.length, 2)
    t.notOk('clients' in sent[1]!)
    t.notSame(sent[0]!.tickets, sent[1]!.tickets)
    await workers.stop(0)
  },
)
