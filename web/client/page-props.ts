import type { Live } from './live.ts'
import type { Place } from './router.ts'
import type { Session } from './types.ts'

/** What every page is given. */
export interface PageProps {
  place: Place
  session: Session
  live: Live
}
