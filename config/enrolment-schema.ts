import { defaulted, record } from './kinds.ts'
import { durationOrNone, integer } from './values.ts'

/** What a new enrolment secret is good for. */
export const enrolment = record({
  uses: defaulted(integer(0, 1_000_000), 1, 'how many first certificates may be had by one, 0 for any number'),
  validity: defaulted(durationOrNone, '7d', 'for how long after it was made'),
})
