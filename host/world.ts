import { type Clock, systemClock } from './clock.ts'
import type { Network } from './network.ts'
import { type Random, systemRandom } from './random.ts'
import { systemNetwork } from './system-network.ts'
import type { Tracer } from './tracer.ts'

/** All that is different each time a program runs: handed from the composition roots to whoever needs it. */
export interface World {
  clock: Clock
  random: Random
  network: Network
  /** Left out: nothing is traced. */
  tracer?: Tracer
}

/** The machine's. */
export const systemWorld: World = { clock: systemClock, random: systemRandom, network: systemNetwork }
