import { Rcode } from '../../dns/codes.ts'
import { RcodeError } from '../../dns/errors.ts'
import { type Clock, systemClock } from '../../host/clock.ts'
import { silentLog } from '../../host/log.ts'
import type { Resolver } from '../../resolver/resolver.ts'
import type { Client } from '../../server/listen/client.ts'
import { UDP_LIMIT } from '../../server/listen/datagrams.ts'
import { createCounters } from '../../server/metrics/metrics.ts'
import { AnswerCache } from '../../server/requests/answers.ts'
import { Cookies } from '../../server/requests/cookies.ts'
import { Handler } from '../../server/requests/handle.ts'
import { Outstanding } from '../../server/requests/outstanding.ts'
import { createRateTable, RateLimiter } from '../../server/requests/rate-limit.ts'
import { State } from '../../server/requests/state.ts'
import { Transfers } from '../../server/requests/transfer.ts'
import { Dnstap } from '../../server/sight/dnstap.ts'
import { Sight } from '../../server/sight/sight.ts'
import type { ZoneImage } from '../../zones/zone.ts'
import { readConfig, servingConfig } from './serving.ts'

/** Octets of the answer cache. */
const ANSWERS = 32 * 2 ** 20

export interface HandlingOptions {
  /** YAML; its zones are those of `images`, in every view. */
  config: string
  images: readonly ZoneImage[]
  clock?: Clock
  /** What resolves for each view; left out: no name is covered. */
  resolver?: Resolver
}

/** The handler of a serving thread with everything that is on by default, and no thread and no socket. */
export class Handling {
  readonly handler: Handler
  readonly counters = new Float64Array(createCounters())
  readonly out = new Uint8Array(2 * 65536)

  constructor({ config: text, images, clock = systemClock, resolver = NO_RESOLVER }: HandlingOptions) {
    const config = servingConfig(readConfig(text))
    const answers = new AnswerCache(ANSWERS, 4711)
    const cookies = new Cookies(4711)
    const rates = new RateLimiter(createRateTable(4711))
    const dnstap = new Dnstap(clock, silentLog)
    const sight = new Sight(clock, silentLog, dnstap)
    const zones = config.views.flatMap(({ name: view }) =>
      images.map(({ origin, buffer }) => ({ view, origin, image: buffer })),
    )
    const state = new State({ epoch: 0, config, zones, certificate: null }, () => resolver, {
      zonesChanged: all => answers.reset(all),
      imageChanged: (before, after, image) => answers.renumber(before, after, image),
      retired() {},
      certificateChanged() {},
      configured({ cookie_secret, rate_limit, log }) {
        cookies.useSecrets(cookie_secret)
        rates.configure(rate_limit)
        sight.configure(log.queries, undefined, 'test')
      },
    })
    const nobody = () => Promise.reject(new RcodeError(Rcode.SERVFAIL, 'there is no main thread'))
    const main = { update: nobody, notify: nobody, async *differences() {} }
    const world = { counters: this.counters, main, clock, log: silentLog }
    const transfers = new Transfers({ ...world, most: () => 1 })
    const outstanding = new Outstanding()
    this.handler = new Handler({ ...world, state, answers, transfers, outstanding, cookies, rates, sight })
  }

  /** The length of the answer to the message at `octets[at, end)`; it lies in `out`. As of `RequestHandler`. */
  ask(octets: Uint8Array, at = 0, end: number = octets.length, client: Client = UDP_CLIENT): number {
    return this.handler.handle(octets, at, end, client, this.out, 0, UDP_LIMIT)
  }
}

/** Hears of nothing that comes later. */
export const UDP_CLIENT: Client = {
  transport: 'udp',
  address: Uint8Array.of(127, 0, 0, 1),
  port: 4711,
  destination: Uint8Array.of(127, 0, 0, 1),
  destinationPort: 53,
  closed: false,
  send: () => true,
  drained: task => task(),
  retain: () => UDP_CLIENT,
  finish() {},
}

const NO_RESOLVER = { covers: () => false, forget() {}, close() {} } as unknown as Resolver
