import { isMadeBySigning } from '../../../dns/dnssec.ts'
import { printName } from '../../../dns/name.ts'
import type { RRset } from '../../../dns/record.ts'
import { printRdata, Type, typeName } from '../../../dns/types.ts'
import { keyText } from '../../../zones/holders.ts'
import { SIGNER_TYPES } from '../../../zones/sign/sign.ts'
import { printServer } from '../../../zones/transfer/primaries.ts'
import type { ZoneVersion } from '../../../zones/zone.ts'
import { isSecondary, type ServedZone } from '../../zones/zones.ts'
import { idOfZone } from '../context.ts'
import type { Comment } from '../note-store.ts'

/** What the API says of a zone, its records aside. `metadata` is what its clients have noted. */
export function describeZone(zone: ServedZone, server: string, metadata: ReadonlyMap<string, readonly string[]>) {
  const version = zone.image?.latest()
  const serial = version?.serial() ?? 0
  const noted = (kind: string) => metadata.get(kind)?.[0] ?? ''
  const nsec3 = version?.rrset(zone.origin, Type.NSEC3PARAM)?.rdatas[0]
  return {
    id: idOfZone(zone.origin),
    name: printName(zone.origin),
    type: 'Zone' as const,
    url: `/api/v1/servers/${server}/zones/${idOfZone(zone.origin)}`,
    kind: kindOf(zone, noted('X-KIND')),
    serial,
    notified_serial: zone.notify.length > 0 ? serial : 0,
    edited_serial: serial,
    masters: isSecondary(zone) ? zone.status.primaries.map(printServer) : [],
    dnssec: version?.rrset(zone.origin, Type.DNSKEY) !== undefined,
    nsec3param: nsec3 ? printRdata(Type.NSEC3PARAM, nsec3) : '',
    nsec3narrow: false,
    presigned: isSecondary(zone) && version?.rrset(zone.origin, Type.DNSKEY) !== undefined,
    soa_edit: noted('SOA-EDIT'),
    soa_edit_api: noted('SOA-EDIT-API') || 'DEFAULT',
    api_rectify: true,
    account: noted('ACCOUNT'),
    catalog: '',
    last_check: isSecondary(zone) ? Math.floor((zone.status.checked ?? 0) / 1000) : 0,
    master_tsig_key_ids: keysOf(zone.config.transfer),
    slave_tsig_key_ids: keysOf(zone.config.primaries ?? []),
  }
}

/** PowerDNS tells primaries that notify from those that do not; a client finds what it has said itself. */
function kindOf(zone: ServedZone, said: string): 'Slave' | 'Master' | 'Native' {
  if (isSecondary(zone)) return 'Slave'
  if (said !== '') return said === 'master' ? 'Master' : 'Native'
  return zone.notify.length > 0 ? 'Master' : 'Native'
}

function keysOf(rules: readonly { key?: Uint8Array | undefined }[]): string[] {
  return [...new Set(rules.flatMap(({ key }) => (key ? [keyText(key)] : [])))]
}

/** Only RRsets of this owner, of this type. */
export interface RRsetFilter {
  name?: string | undefined
  type?: string | undefined
}

/** The RRsets that clients see and change: without what signing makes. */
export function* shownRRsets(zone: ServedZone, version: ZoneVersion): Generator<RRset> {
  const signed = !isSecondary(zone) && zone.signed
  for (const rrset of version.rrsets())
    if (!(signed ? SIGNER_TYPES.has(rrset.type) : isMadeBySigning(rrset.type))) yield rrset
}

/** An RRset as clients have it, with its comments. */
export function rrsetJson({ owner, type, ttl, rdatas }: RRset, comments: readonly Comment[] = []) {
  return {
    name: printName(owner),
    type: typeName(type),
    ttl,
    records: rdatas.map(rdata => ({ content: printRdata(type, rdata), disabled: false })),
    comments: comments.map(({ content, account, modified_at }) => ({ content, account, modified_at })),
  }
}

/** Comments by owner and type. */
export function byRRset(comments: readonly Comment[]): Map<string, Comment[]> {
  return Map.groupBy(comments, ({ owner, type }) => `${owner}/${type}`)
}

/** The key of an RRset in `byRRset`. */
export function rrsetNote({ owner, type }: RRset): string {
  return `${keyText(owner)}/${typeName(type)}`
}

/** RRsets between which the event loop gets its turn: a zone may be large. */
const TURN = 500

/** The zone as JSON in pieces, its RRsets last. */
export async function* zoneText(
  zone: ServedZone,
  head: object,
  comments: readonly Comment[],
  { name, type }: RRsetFilter,
): AsyncGenerator<string> {
  const version = zone.image?.latest()
  const noted = byRRset(comments)
  yield `${JSON.stringify(head).slice(0, -1)},"rrsets":[`
  let [seen, text] = [0, '']
  let separator = ''
  for (const rrset of version ? shownRRsets(zone, version) : []) {
    if (++seen % TURN === 0) {
      if (text) yield text
      text = ''
      await new Promise(setImmediate)
    }
    if (type !== undefined && typeName(rrset.type) !== type.toUpperCase()) continue
    if (name !== undefined && keyText(rrset.owner) !== name) continue
    text += `${separator}${JSON.stringify(rrsetJson(rrset, noted.get(rrsetNote(rrset))))}`
    separator = ','
  }
  yield `${text}]}`
}
