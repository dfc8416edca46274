import { Type as T } from 'typebox'

/** The shapes of the PowerDNS Authoritative HTTP API, version 1, as its clients send and read them. */

export const Comment = T.Object(
  {
    content: T.String({ maxLength: 65_535 }),
    account: T.Optional(T.String({ maxLength: 255 })),
    modified_at: T.Optional(T.Integer({ minimum: 0, description: 'seconds since 1970' })),
  },
  { title: 'Comment' },
)

export const ApiRecord = T.Object(
  {
    content: T.String({ maxLength: 131_072, description: 'the data as in a master file, names in full' }),
    disabled: T.Optional(T.Boolean({ description: 'true is refused: what is not served is not kept' })),
  },
  { title: 'Record' },
)

const rrsetFields = {
  name: T.String({ description: 'the owner, in full' }),
  type: T.String(),
  ttl: T.Optional(T.Integer({ minimum: 0, maximum: 0x7fffffff })),
  records: T.Optional(T.Array(ApiRecord, { maxItems: 10_000 })),
  comments: T.Optional(T.Array(Comment, { maxItems: 1000 })),
}

export const RRset = T.Object(rrsetFields, { title: 'RRSet' })

export const RRsetChange = T.Object(
  {
    ...rrsetFields,
    changetype: T.Enum(['REPLACE', 'DELETE', 'EXTEND', 'PRUNE'], {
      description: 'REPLACE and DELETE are about the whole RRset, EXTEND and PRUNE about the records that are named',
    }),
  },
  { title: 'RRSetChange' },
)

/** The body of a PATCH. */
export const ZoneChange = T.Object(
  { rrsets: T.Array(RRsetChange, { minItems: 1, maxItems: 10_000 }) },
  { title: 'ZoneChange' },
)

const KINDS = ['Native', 'Master', 'Slave', 'Primary', 'Secondary', 'Producer', 'Consumer']

/** What can be said of a zone that is made or changed; what PowerDNS has and we have not is accepted where it has no meaning here. */
const zoneSettings = {
  kind: T.Optional(T.String({ description: `one of ${KINDS.join(', ')}, in any case` })),
  masters: T.Optional(T.Array(T.String(), { maxItems: 64 })),
  account: T.Optional(T.String({ maxLength: 255 })),
  dnssec: T.Optional(T.Boolean()),
  nsec3param: T.Optional(T.String()),
  soa_edit: T.Optional(T.String()),
  soa_edit_api: T.Optional(T.String()),
  api_rectify: T.Optional(T.Boolean()),
}

export const NewZone = T.Object(
  {
    ...zoneSettings,
    name: T.String(),
    nameservers: T.Optional(T.Array(T.String(), { maxItems: 64 })),
    rrsets: T.Optional(T.Array(RRset, { maxItems: 100_000 })),
    zone: T.Optional(T.String({ description: 'a master file' })),
  },
  { title: 'NewZone' },
)

export const ZoneSettings = T.Object(zoneSettings, { title: 'ZoneSettings' })

/** A zone as it is shown. */
export const Zone = T.Object(
  {
    id: T.String(),
    name: T.String(),
    type: T.Literal('Zone'),
    url: T.String(),
    kind: T.Enum(['Native', 'Master', 'Slave']),
    serial: T.Integer(),
    notified_serial: T.Integer(),
    edited_serial: T.Integer(),
    masters: T.Array(T.String()),
    dnssec: T.Boolean(),
    nsec3param: T.String(),
    nsec3narrow: T.Boolean(),
    presigned: T.Boolean(),
    soa_edit: T.String(),
    soa_edit_api: T.String(),
    api_rectify: T.Boolean(),
    account: T.String(),
    catalog: T.String(),
    last_check: T.Integer(),
    master_tsig_key_ids: T.Array(T.String()),
    slave_tsig_key_ids: T.Array(T.String()),
    rrsets: T.Optional(T.Array(RRset)),
  },
  { title: 'Zone' },
)

/** A problem (RFC 9457), with the member that clients of this API read. */
export const Problem = T.Object(
  {
    type: T.String(),
    status: T.Integer(),
    detail: T.String(),
    pointer: T.Optional(T.String({ description: 'a JSON pointer (RFC 6901) into the body' })),
    error: T.String({ description: 'the same as detail' }),
  },
  { title: 'Problem' },
)

export const ServerParams = T.Object({
  server: T.String({ description: '"localhost" for all views, or the name of one' }),
})
export const ZoneParams = T.Object({
  server: T.String({ description: '"localhost" for all views, or the name of one' }),
  zone: T.String({ description: 'the name of the zone; "=2F" stands for "/"' }),
})
