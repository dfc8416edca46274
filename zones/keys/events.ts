import { type Delays, type Facet, isEntryPoint, isIn, type KeyState, signsData } from './state.ts'

/** What a key waits for, and until when; without a time, for somebody. */
export interface KeyEvent {
  what: string
  at?: number
}

/** What happens to a key next; undefined of one that is in use and stays. */
export function eventOf(key: KeyState, delays: Delays, now: number): KeyEvent | undefined {
  const { publication, signing, trust, retired } = key
  const until = ({ since }: Facet, delay: number) => since + delay
  const waits = (facet: Facet, phase: Facet['phase'], delay: number) =>
    facet.phase === phase && now < until(facet, delay)
  if (trust.phase === 'entering') return { what: 'its DS must appear in the parent zone' }
  if (trust.phase === 'leaving') return { what: 'its DS must go from the parent zone' }
  if (retired !== undefined) {
    if (waits(trust, 'gone', delays.parent)) return { what: 'caches forget its DS', at: until(trust, delays.parent) }
    if (signing.phase === 'leaving') return { what: 'its signatures are being replaced' }
    if (waits(signing, 'gone', delays.zone))
      return { what: 'caches forget its signatures', at: until(signing, delays.zone) }
    if (waits(publication, 'gone', delays.keys)) return { what: 'it is deleted', at: until(publication, delays.keys) }
    return { what: 'another key takes its place' }
  }
  if (signing.phase === 'entering') return { what: 'the zone is being signed with it' }
  if (publication.phase === 'absent' && signing.phase === 'present')
    return { what: 'caches learn its signatures', at: until(signing, delays.zone) }
  if (publication.phase === 'absent') return { what: 'the algorithm must be known first' }
  if (waits(publication, 'present', delays.keys))
    return { what: 'caches learn it', at: until(publication, delays.keys) }
  if (signsData(key) && waits(signing, 'present', delays.zone) && isEntryPoint(key) && !isIn(trust))
    return { what: 'caches learn its signatures', at: until(signing, delays.zone) }
  return undefined
}
