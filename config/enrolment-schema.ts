import { defaulted, list, optional, record } from './kinds.ts'
import { durationOrNone, flag, integer, text } from './values.ts'

/** What a new enrolment secret is good for. */
export const enrolment = record({
  uses: defaulted(integer(0, 1_000_000), 1, 'how many first certificates may be had by one, 0 for any number'),
  validity: defaulted(durationOrNone, '7d', 'for how long after it was made'),
})

const servedIssuers = optional(
  list(text, { nonEmpty: true }),
  'the issuers that devices may have certificates from; left out: all but staging',
)

/** SCEP (RFC 8894). */
export const scep = record({
  issuers: servedIssuers,
  legacy: defaulted(
    flag,
    false,
    'whether messages with SHA-1 and triple DES are taken, too, from devices that know nothing better',
  ),
})

/** Enrolment over Secure Transport (RFC 7030). */
export const est = record({ issuers: servedIssuers })
