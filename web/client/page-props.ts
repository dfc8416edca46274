import type { Session } from '../../cli/replies.ts'
import type { Live } from './live.ts'
import type { Place } from './router.ts'

/** What every page is given. */
export interface PageProps {
  place: Place
  session: Session
  live: Live
}
