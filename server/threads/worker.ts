import { isMainThread, type MessagePort, receiveMessageOnPort } from 'node:worker_threads'
import { printName } from '../../dns/name.ts'
import { type Clock, systemClock } from '../../host/clock.ts'
import type { Network } from '../../host/network.ts'
import { type Random, systemRandom } from '../../host/random.ts'
import { createSystemNetwork } from '../../host/system-network.ts'
import { CacheMemory } from '../../resolver/cache/cache-memory.ts'
import { type Client, LATER, type RequestHandler } from '../listen/client.ts'
import { type Libc, loadLibc } from '../listen/libc.ts'
import { Poller } from '../listen/poller.ts'
import { behindProxies } from '../listen/proxy-header.ts'
import { AnswerCache } from '../requests/answers.ts'
import { Cookies } from '../requests/cookies.ts'
import { Handler } from '../requests/handle.ts'
import { Outstanding } from '../requests/outstanding.ts'
import { RateLimiter } from '../requests/rate-limit.ts'
import { State } from '../requests/state.ts'
import { Transfers } from '../requests/transfer.ts'
import { createPolledNetwork } from '../resolver/polled-network.ts'
import { createViewResolver } from '../resolver/view-resolver.ts'
import { Dnstap } from '../sight/dnstap.ts'
import { Sight } from '../sight/sight.ts'
import { Descriptors } from './descriptors.ts'
import { Entrusting } from './entrusting.ts'
import { MainCalls } from './main-thread.ts'
import { ControlWord, type HandedRequest, type ServingInit, type ToMain, type ToServing } from './messages.ts'
import { holderOf } from './place.ts'
import { keepPrecedence } from './precedence.ts'
import { goFirst } from './priorities.ts'
import { reportOf } from './report.ts'
import { Listeners } from './thread-listeners.ts'
import { createThreadLog } from './thread-log.ts'

export { startWorkers, type Workers, type WorkersOptions } from './workers.ts'

/** The outside world of a serving thread. */
export interface ServingWorld {
  clock: Clock
  network: Network
  random: Random
  libc: Libc | undefined
  /** The thread is for serving alone, and may wait for datagrams itself instead of leaving that to the event loop. */
  polls: boolean
  /** Octets that the answer cache may take. */
  answers: number
}

const ANSWERS = 32 * 2 ** 20
/** A resolver that a reload has replaced may still be asked for what was outstanding. */
const RETIREMENT = 10_000

/**
 * The composition root of a serving thread: builds it from `initial`, says `ready` on the port, and serves until it is told to stop. The thread
 * itself adds nothing (serving-thread.ts), so that tests can run the same inline.
 */
export async function createServing(
  port: MessagePort,
  initial: ServingInit,
  world: Partial<ServingWorld> = {},
): Promise<void> {
  const { clock, network, random, libc, polls, answers: cacheSize } = { ...systemWorld(), ...world }
  const post = (message: ToMain): void => port.postMessage(message)
  const counters = new Float64Array(initial.counters)
  const control = new Int32Array(initial.control)
  // What is logged while the state is being made is logged at the level that it will have.
  let configured: Pick<State, 'config'> = initial.state
  const log = createThreadLog(post, () => configured.config.log.level, clock)
  if (initial.realtime === true && !goFirst(libc))
    log.warn(
      { what: 'realtime' },
      'the system does not let threads go before others; give us CAP_SYS_NICE or RLIMIT_RTPRIO',
    )
  // Only of a thread of our own: whoever runs this inline keeps its place.
  if (initial.realtime === 'auto' && polls) keepPrecedence(libc, clock)
  const answers = new AnswerCache(cacheSize, random.below(2 ** 32))
  const cookies = new Cookies(random.below(2 ** 32))
  const rates = new RateLimiter(initial.rates)
  const dnstap = new Dnstap(clock, log)
  const sight = new Sight(clock, log, dnstap, (lines, skipped) => post({ kind: 'queries', lines, skipped }))
  const calls = new MainCalls(post, clock)
  const outstanding = new Outstanding()
  const memory = new CacheMemory(initial.cache, holderOf(initial.index))
  const poller = libc && polls ? await Poller.create(libc, () => transfers.busy) : undefined
  const descriptors = new Descriptors(initial.descriptors)
  const upstreams =
    libc && poller ? createPolledNetwork({ libc, poller, descriptors, random, plain: network }) : network
  const resolvers = { network: upstreams, clock, random, log, own: initial.own, memory, id: initial.id }
  const state: State = new State(initial.state, (config, own) => createViewResolver(config, own, resolvers), {
    zonesChanged: images => answers.reset(images),
    imageChanged: (before, after, image) => answers.renumber(before, after, image),
    retired: resolver => void clock.after(RETIREMENT, () => resolver.close()),
    certificateChanged: certificate => void listeners.renew(certificate),
    configured(config) {
      cookies.useSecrets(config.cookie_secret)
      rates.configure(config.rate_limit)
      sight.configure(config.log.queries, config.dnstap, printName(config.name).slice(0, -1))
    },
  })
  configured = state
  const transfers = new Transfers({ counters, main: calls, most: () => state.config.transfers.out, clock, log })
  const handler = new Handler({
    state,
    answers,
    counters,
    transfers,
    main: calls,
    outstanding,
    cookies,
    rates,
    sight,
    clock,
    log,
  })
  /** Catches up with what main has changed; see messages.ts. */
  const beforeBatch = (): void => {
    while (Atomics.load(control, ControlWord.EPOCH) !== state.epoch) {
      const received = receiveMessageOnPort(port)
      if (!received) break
      accept(received.message)
    }
    handler.beforeBatch()
  }
  const proxies = () => state.config.proxy_protocol
  const handle = behindProxies(handler.handle, proxies)
  const shared = { counters, answers, clock, libc, log }
  const entrusting = new Entrusting(post)
  const listeners = new Listeners({
    ...shared,
    handler: handle,
    proxies,
    beforeBatch,
    poller,
    takeover: initial.takeover,
    ...(initial.entrusts && { entrust: entrusting.take }),
  })

  const accept = (message: ToServing): void => {
    if (message.kind === 'updated' || message.kind === 'notified' || message.kind === 'differences')
      calls.settle(message)
    else if (message.kind === 'stop') void stop(message.grace)
    else if (message.kind === 'watch') sight.watch(message.on)
    else if (message.kind === 'entrusted-closed') entrusting.closed(message.id)
    else if (message.kind === 'report')
      post({ kind: 'report', id: message.id, report: reportOf(state.views, sight.top(), handler.keyUses.told()) })
    else if (message.kind !== 'request') state.apply(message)
    else {
      beforeBatch()
      answerHanded(message, handler.handle, post)
    }
  }
  const stop = async (grace: number): Promise<void> => {
    const late = new Promise<void>(resolve => clock.after(grace, resolve))
    await Promise.race([Promise.all([listeners.closeStreams(grace), outstanding.idle()]), late])
    await listeners.closeAll()
    for (const { resolver } of state.views) resolver.close()
    dnstap.close()
    post({ kind: 'stopped' })
    port.close()
  }
  port.on('message', accept)
  // Without main nothing can be changed or stopped any more.
  port.on('close', () => void listeners.closeAll())
  try {
    const listening = await listeners.open(initial.sockets, state.certificate)
    post({ kind: 'ready', listening })
  } catch (error) {
    post({ kind: 'failed', message: error instanceof Error ? error.message : String(error) })
  }
}

function systemWorld(): ServingWorld {
  return {
    clock: systemClock,
    network: createSystemNetwork(),
    random: systemRandom,
    libc: loadLibc(),
    polls: !isMainThread,
    answers: ANSWERS,
  }
}

/** Answers a request that main has received itself. */
function answerHanded(request: HandedRequest, handle: RequestHandler, post: (message: ToMain) => void): void {
  const { id, wire } = request
  let answered = false
  const respond = (message?: Uint8Array): void => {
    if (!answered) post({ kind: 'response', id, ...(message && { wire: message }) })
    answered = true
  }
  const client: Client = {
    transport: request.transport,
    address: request.address,
    port: request.port,
    destination: request.destination,
    destinationPort: request.destinationPort,
    dohPath: request.dohPath,
    closed: false,
    send(message) {
      respond(message)
      return true
    },
    drained: task => task(),
    retain: () => client,
    finish: () => respond(),
  }
  const out = new Uint8Array(MOST_MESSAGE)
  const length = handle(wire, 0, wire.length, client, out, 0, MOST_MESSAGE)
  if (length !== LATER) respond(length > 0 ? out.slice(0, length) : undefined)
}

const MOST_MESSAGE = 65535
