import { isMetaType, typeCode } from '../dns/types.ts'
import { type Decoded, defaulted, type Kind, list, mapped, optional, record, required } from './kinds.ts'
import { accessList, flag, integer, keyReference, namePattern, range, seconds, text } from './values.ts'

/** The type of a record that a zone can hold. */
export const recordType: Kind<number> = mapped({ ...text, label: 'record type' }, word => {
  const code = typeCode(word)
  if (code === undefined || isMetaType(code)) throw new Error(`"${word}" is not a record type that a zone can hold`)
  return code
})

const ttlRange = range(seconds, '[least, most], in seconds or as durations')

export const updateRule = record({
  key: required(keyReference, 'the TSIG key that must have signed the update'),
  names: required(list(namePattern, { nonEmpty: true }), 'the owners it may change'),
  types: optional(
    list(recordType, { nonEmpty: true }),
    'the types it may change; left out: all but SOA, NS and those of DNSSEC',
  ),
  from: optional(accessList, 'the addresses it must come from'),
  own: defaulted(
    flag,
    false,
    'it may add only where nobody else holds the name and type, and change only what it added',
  ),
  ttl: optional(ttlRange, 'the least and the greatest TTL it may set'),
  wildcards: defaulted(flag, false, 'whether it covers wildcard owners (`*.x`)'),
  deletes: optional(
    record({
      per_message: optional(integer(0, 1_000_000), 'in one message'),
      per_minute: optional(integer(0, 1_000_000), 'in a minute'),
    }),
    'the most records that it lets be deleted; what is replaced does not count',
  ),
})
/** Who may change what in a dynamic zone. The first rule that fits decides. */
export type UpdateRule = Decoded<typeof updateRule>
