import { resolve } from 'node:path'
import { type Name, ROOT } from '../dns/name.ts'
import { Type } from '../dns/types.ts'
import { parseZonefile } from '../dns/zonefile.ts'
import { byShape, type Decoded, type Kind, list, mapped, optional, record, required } from './kinds.ts'
import { reasonOf } from './secret.ts'
import { domainName, parsed, text } from './values.ts'

/** A DS or DNSKEY record that is believed without proof. */
export interface TrustAnchorConfig {
  zone: Name
  type: typeof Type.DS | typeof Type.DNSKEY
  rdata: Uint8Array
}

const lines: Kind<TrustAnchorConfig[]> = parsed('DS or DNSKEY record, as in a zone file', value =>
  anchorsIn(value, 'trust_anchors'),
)

const fromFile: Kind<TrustAnchorConfig[]> = mapped(
  record({ file: required(text, 'a file of DS and DNSKEY records, as in a zone file, relative to the config file') }),
  ({ file }, context) => {
    const absolute = resolve(context.directory, file)
    let content: string
    try {
      content = context.readFile(absolute)
    } catch (error) {
      throw new Error(`${absolute} can't be read: ${reasonOf(error)}`)
    }
    return anchorsIn(content, absolute)
  },
)

/** DS and DNSKEY records: inline, or in files. */
export const trustAnchors: Kind<TrustAnchorConfig[]> = {
  ...mapped(list(byShape({ scalar: lines, map: fromFile, label: 'DS or DNSKEY record, or `{ file: PATH }`' })), all =>
    all.flat(),
  ),
  label: 'list of DS and DNSKEY records and `{ file: PATH }`',
}

/** Class and TTL may be left out, as IANA and BIND's `dnssec-dsfromkey` do. */
function anchorsIn(content: string, file: string): TrustAnchorConfig[] {
  const { records, errors } = parseZonefile(`${content}\n`, { origin: ROOT, file, defaultTtl: 0 })
  if (errors[0]) throw errors[0]
  if (records.length === 0) throw new Error('expected a DS or DNSKEY record')
  return records.map(({ owner, type, rdata }) => {
    if (type !== Type.DS && type !== Type.DNSKEY) throw new Error('expected a DS or DNSKEY record')
    return { zone: owner, type, rdata }
  })
}

const instant: Kind<number> = parsed('time such as 2030-01-31 or 2030-01-31T12:00:00Z', value => {
  if (!/^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d)?Z)?$/.test(value)) return undefined
  const time = Date.parse(value)
  return Number.isNaN(time) ? undefined : time
})

/** A zone whose signatures are not looked at for a while (RFC 7646). */
export const negativeTrustAnchor = record({
  name: required(domainName, 'the zone that is taken for unsigned, with all below it'),
  until: required(instant, 'when that ends (UTC)'),
  why: optional(text, 'why, for `status`'),
})
/** A negative trust anchor as configured; `until` is in milliseconds since 1970. */
export type NegativeTrustAnchorConfig = Decoded<typeof negativeTrustAnchor>
