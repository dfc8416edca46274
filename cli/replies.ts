import type { AccountBinding, ApiToken, TsigKey } from './replies/access.ts'
import type {
  Approval,
  CaDetails,
  CertificateAuthority,
  CertificateDetails,
  CertificateSummary,
  Consistency,
  EndingCertificate,
  Enrolment,
  IssuedCertificate,
  Order,
  RecordEntry,
  RecordLine,
  RootCertificate,
  TreeHead,
} from './replies/authority.ts'
import type { Explanation, UpdateExplanation } from './replies/explain.ts'
import type { LiveState } from './replies/live.ts'
import type { Quarantined, Reload, Status, Watched } from './replies/operation.ts'
import type { NegativeTrustAnchor, ResolverState, Top } from './replies/resolver.ts'
import type { Comparison, ZoneChange, ZoneDetails, ZoneDnssec, ZoneKeys, ZoneSummary } from './replies/zones.ts'

export type * from './replies/access.ts'
export type * from './replies/authority.ts'
export type * from './replies/explain.ts'
export type * from './replies/live.ts'
export type * from './replies/operation.ts'
export type * from './replies/records.ts'
export type * from './replies/resolver.ts'
export type * from './replies/zones.ts'

/**
 * What the daemon answers on its control socket, command by command, and over HTTP: the one place that all sides look at, the dashboard in browsers too.
 * Types alone.
 */
export interface Replies {
  /** `{}` */
  status: Status
  /** `{}`; a bad config is refused whole (exit 2) and the old one keeps running. */
  reload: Reload
  /** `{}`; answered once the daemon has begun to drain. */
  stop: null
  /** `{}` */
  'zone.list': ZoneSummary[]
  /** `{ zone, view? }`: the zone's name as text; `view` where several have one of that name. */
  'zone.show': ZoneDetails
  /** `{ zone, view? }` */
  'zone.export': { zone: string; view: string; serial: number; text: string }
  /** `{ zone, view? }` */
  'zone.dnssec': ZoneDnssec
  'zone.dnssec.rollover': ZoneKeys
  'zone.dnssec.ds-seen': ZoneKeys
  'zone.dnssec.import': ZoneKeys
  /** `{ zone, view? }`: its primaries are asked at once. */
  'zone.refresh': { zone: string; view: string; primaries: string[] }
  /** `{ zone, view? }`: a secondary becomes its own primary, with what it has. */
  'zone.promote': { zone: string; view: string; serial: number }
  /** `{ zone, view?, serial }`: the zone as it was when it last had this serial. */
  'zone.at': { zone: string; view: string; serial: number; text: string }
  /** `{ zone, view?, limit? }`: the newest first; 20 where no limit is given. */
  'zone.history': ZoneChange[]
  /** `{ zone, view?, to }`: the zone becomes what it was, under a new serial. */
  'zone.revert': {
    zone: string
    view: string
    serial: number
    added: number
    deleted: number
    /** Of a dry run: what would come and go. */
    change?: { added: string[]; deleted: string[] }
  }
  /** `{ zone, view?, to }`: the zone becomes what it was at this time (ISO 8601), when its serial was `as_of`. */
  'zone.restore': { zone: string; view: string; serial: number; added: number; deleted: number; as_of: number }
  /** `{ name, views }`: of two views, and of this name and all below it. */
  'zone.diff': Comparison
  /** `{ zone, view?, text, file }`: the zone becomes what the master file says; `file` is for messages. */
  'zone.import': { zone: string; view: string; serial: number; added: number; deleted: number }
  /** `{}` */
  'ca.show': CaDetails
  /** `{}` */
  'ca.roots': RootCertificate[]
  /** `{ names, profile?, issuer? }`: key and certificate, for when nothing else works. */
  'ca.issue': IssuedCertificate & { key: string }
  /** `{ csr, profile?, issuer? }`: the request in PEM. */
  'ca.sign': IssuedCertificate
  /** `{ serial }` in hex or `{ certificate }` in PEM; `reason?` as RFC 5280 §5.3.1 names it. */
  'ca.revoke': { serial: string; revoked_at: string; reason: string }
  /** `{ all?, name?, account?, after?, limit? }`: at most 1000; without `all` only those that are neither expired nor revoked. */
  'ca.list': CertificateSummary[]
  /** `{ where: { account?, name?, key?, profile? }, reason?, dry_run? }` → what was, or would be, revoked. */
  'ca.revoke.where': CertificateSummary[]
  /** `{ serial }` */
  'ca.certificate': CertificateDetails
  /** `{ failed?, limit? }`: the newest first. */
  'ca.orders': Order[]
  /** `{ limit? }` → orders that were not even taken, the newest first. */
  'ca.refusals': RecordEntry[]
  /** `{ days? }` → what ends within so many days, soonest first. */
  'ca.expiring': EndingCertificate[]
  /** `{ all? }` → names that wait for a person. */
  'ca.approvals': Approval[]
  /** `{ id, deny?, days? }` */
  'ca.approve': Approval
  /** `{ since, until? }` in ISO 8601 → what happened, in order; members by kind. */
  timeline: RecordEntry[]
  'ca.log.head': TreeHead & { public_key: string }
  /** `{ head? }`, "SIZE:ROOT" of one kept elsewhere; fails where anything is wrong. */
  'ca.log.verify': TreeHead & { entries: number; forgotten: number; heads: number } & Partial<Consistency>
  /** `{ serial }` → the entry and the way from its hash to the root. */
  'ca.log.prove': TreeHead & { entry: string; leaf: string; index: number; path: string[] }
  /** `{ from }`, the size of a tree → that the one of now begins with it (RFC 9162 §2.1.4). */
  'ca.log.consistency': TreeHead & Consistency
  /** `{ after?, limit? }` → lines of the record in order. */
  'ca.log.entries': RecordLine[]
  /** `{ issuer? }`: the next intermediate, which signs from then on. */
  'ca.renew-intermediate': CertificateAuthority
  /** `{ issuer?, distrust? }`: the next root, which signs from then on. */
  'ca.renew-root': CertificateAuthority
  /** `{ issuer?, certificate }` in PEM: an intermediate that an offline root has signed, or a cross certificate; or `{ issuer?, pkcs12, passphrase }` in base64: one with its key. */
  'ca.import': CertificateAuthority
  /** `{ name }`: a key that binds ACME accounts (RFC 8555 §7.3.4); shown this once. */
  'ca.eab.create': { kid: string; name: string; hmac_key: string }
  /** `{}` */
  'ca.eab.list': AccountBinding[]
  /** `{ kid }` */
  'ca.eab.revoke': { kid: string }
  /** `{ name, names?, addresses?, issuer?, profile?, uses?, validity? }`: a secret by which devices enrol; shown this once. */
  'ca.enrolment.create': Enrolment & { secret: string }
  /** `{}` */
  'ca.enrolment.list': Enrolment[]
  /** `{ id }` */
  'ca.enrolment.revoke': { id: string }
  /** `{}` */
  'cache.show': { entries: number; octets: number; size: number }
  /** `{ name?, subtree?, view? }`: answers taken out of the resolver cache, all where no name is given. */
  'cache.flush': { name?: string; subtree: boolean; removed: number }
  /** `{}`: the resolvers of all threads together. */
  resolver: ResolverState
  /** `{}`: what goes on at this moment. */
  live: LiveState
  /** `{}`: what was most frequent in the last minutes; counts are estimates. */
  top: Top
  'nta.list': NegativeTrustAnchor[]
  /** `{ name, seconds?, why? }`: an hour where it is not said, a week at most. */
  'nta.add': NegativeTrustAnchor
  /** `{ name }`: one that a command has made. */
  'nta.remove': { zone: string }
  /** `{}`: the TSIG keys without their secrets, and what became of requests in their names. */
  keys: TsigKey[]
  /** `{ zones, roles?, views?, from?, name?, expires? }`: lists, or texts with commas; the token is shown this once. */
  'token.create': ApiToken & { token: string }
  /** `{}` */
  'token.list': ApiToken[]
  /** `{ name }`: its name or id. */
  'token.revoke': ApiToken
  /** `{ name, below?, reason? }`; `left` says what could not be taken out. */
  'quarantine.set': Quarantined & { left: string[] }
  /** `{ name }`; `left` says what could not be put back. */
  'quarantine.undo': Quarantined & { left: string[] }
  /** `{}` */
  'quarantine.list': Quarantined[]
  /** `{ file, passphrase?, recipients? }`: an absolute path; progress as `{ what, share }`. */
  backup: { file: string; size: number; encrypted: boolean }
  /** `{}`: what is seen from outside, now. */
  probe: Watched
  /** `{ name, type, from?, key? }` */
  explain: Explanation
  /** `{ name, from?, key?, updates }`: a dry run; each update as nsupdate takes it. */
  'explain.update': UpdateExplanation
}
