import { systemClock } from '../../../host/clock.ts'
import type { StreamOptions } from '../../../server/listen/connections.ts'
import { EndOfTurn } from '../../../server/listen/end-of-turn.ts'

/** Options of a stream listener under test: real time unless given, and whatever goes wrong is thrown. */
export function streamOptions(
  given: Pick<StreamOptions, 'handler' | 'limits'> & Partial<StreamOptions>,
): StreamOptions {
  return {
    beforeBatch() {},
    clock: systemClock,
    endOfTurn: new EndOfTurn(),
    onError(error) {
      throw error
    },
    ...given,
  }
}
