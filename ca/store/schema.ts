import type { Generated, Insertable, Selectable } from 'kysely'
import type { Migration } from '../../host/database.ts'
import { createCompiler } from '../../host/sql.ts'
import type { RecordKind } from '../record/entry.ts'

export { prepared, statement } from '../../host/sql.ts'

/** Times are milliseconds since 1970; lists, objects and problems are JSON text; states are RFC 8555 §7.1.6's words. */
export interface CaTables {
  acme_accounts: {
    id: string
    issuer: string
    thumbprint: string
    /** Those of the keys that it had before, the newest first. */
    former_thumbprints: string
    jwk: string
    status: 'valid' | 'deactivated' | 'revoked'
    contact: string
    terms_agreed: number
    binding: string | null
    created_at: number
  }
  acme_bindings: { kid: string; name: string; secret: string; created_at: number; revoked_at: number | null }
  acme_orders: {
    id: string
    issuer: string
    account: string
    status: OrderStatus
    identifiers: string
    /** In the order of the identifiers; `acme_order_authorizations` has the same, to be asked from the other side. */
    authorizations: string
    profile: string
    not_before: number | null
    not_after: number | null
    replaces: string | null
    error: string | null
    csr: Uint8Array | null
    certificate: string | null
    request: string
    created_at: number
    expires_at: number
    /** The identifiers in the form in which certificates have them. */
    names: string | null
  }
  acme_authorizations: {
    id: string
    account: string
    type: 'dns' | 'ip'
    value: string
    wildcard: number
    status: 'pending' | 'valid' | 'invalid' | 'deactivated' | 'revoked'
    expires_at: number
  }
  acme_order_authorizations: { authorization: string; order_id: string }
  acme_challenges: {
    id: string
    authorization: string
    type: string
    token: string
    status: 'pending' | 'processing' | 'valid' | 'invalid'
    started_at: number | null
    validated_at: number | null
    error: string | null
    request: string | null
    /** `Evidence` without the identifier, of what met it. */
    proof: string | null
  }
  ca_serials: { serial: string; issuer: string; reserved_at: number; order_id: string | null; issued: number }
  ca_certificates: {
    serial: string
    issuer: string
    profile: string
    identifiers: string
    not_before: number
    not_after: number
    issued_at: number
    der: Uint8Array
    key_hash: string
    account: string | null
    order_id: string | null
    revoked_at: number | null
    revocation_reason: number | null
    /** The part of its issuer's CRLs in which it is listed; null where there is only the whole. */
    crl_partition: number | null
  }
  /** `secret` is a digest; `names` and `addresses` are lists of patterns and blocks; `uses` null for any number. */
  ca_enrolments: {
    id: string
    secret: string
    name: string
    names: string
    addresses: string
    /** The issuer and the profile that it is for; null for any issuer, and for its first profile. */
    issuer: string | null
    profile: string | null
    uses: number | null
    used: number
    created_at: number
    expires_at: number | null
    revoked_at: number | null
  }
  /** Requests by SCEP that wait for a person, as their clients know them. */
  ca_scep_requests: { issuer: string; transaction_id: string; enrolment: string; csr: Uint8Array; created_at: number }
  /** `issuer` is the CA certificate's id, for a part followed by "/" and its number. */
  ca_crl_numbers: { issuer: string; number: number }
  ca_approvals: {
    id: string
    issuer: string
    account: string
    /** As `identifierText` has it. */
    identifier: string
    because: string
    status: 'waiting' | 'approved' | 'denied'
    requested_at: number
    decided_at: number | null
    until: number | null
  }
  ca_record: {
    seq: Generated<number>
    at: number
    kind: RecordKind
    serial: string | null
    entry: string | null
    leaf: Uint8Array
  }
  ca_record_tiles: { tile: number; hash: Uint8Array }
  ca_tree_heads: { size: number; at: number; root: Uint8Array; signature: Uint8Array }
}
export type OrderStatus = 'pending' | 'ready' | 'processing' | 'valid' | 'invalid'
export type AccountRow = Selectable<CaTables['acme_accounts']>
export type BindingRow = Selectable<CaTables['acme_bindings']>
export type OrderRow = Selectable<CaTables['acme_orders']>
export type AuthorizationRow = Selectable<CaTables['acme_authorizations']>
export type ChallengeRow = Selectable<CaTables['acme_challenges']>
export type ApprovalRow = Selectable<CaTables['ca_approvals']>
export type EnrolmentRow = Selectable<CaTables['ca_enrolments']>
export type ScepRequestRow = Selectable<CaTables['ca_scep_requests']>
export type CertificateRow = Selectable<CaTables['ca_certificates']>
export type NewRow<Table extends keyof CaTables> = Insertable<CaTables[Table]>

/** Compiles; `host/database.ts` executes. */
export const sql = createCompiler<CaTables>()

/** The CA's tables, in the order in which they came to be. */
export const CA_MIGRATIONS: readonly Migration[] = [
  {
    id: 'ca-0001',
    statements: [
      `CREATE TABLE acme_accounts (id TEXT PRIMARY KEY, issuer TEXT NOT NULL, thumbprint TEXT NOT NULL, jwk TEXT NOT NULL,
        status TEXT NOT NULL, contact TEXT NOT NULL, terms_agreed INTEGER NOT NULL, binding TEXT, created_at INTEGER NOT NULL,
        UNIQUE (issuer, thumbprint)) STRICT, WITHOUT ROWID`,
      `CREATE TABLE acme_bindings (kid TEXT PRIMARY KEY, name TEXT NOT NULL, secret TEXT NOT NULL, created_at INTEGER NOT NULL,
        revoked_at INTEGER) STRICT, WITHOUT ROWID`,
      `CREATE TABLE acme_orders (id TEXT PRIMARY KEY, issuer TEXT NOT NULL, account TEXT NOT NULL, status TEXT NOT NULL,
        identifiers TEXT NOT NULL, authorizations TEXT NOT NULL, profile TEXT NOT NULL, not_before INTEGER, not_after INTEGER,
        replaces TEXT, error TEXT, csr BLOB,
        certificate TEXT, request TEXT NOT NULL, created_at INTEGER NOT NULL, expires_at INTEGER NOT NULL) STRICT, WITHOUT ROWID`,
      'CREATE INDEX acme_orders_by_account ON acme_orders (account, created_at, id)',
      'CREATE INDEX acme_orders_by_expiry ON acme_orders (expires_at)',
      "CREATE INDEX acme_orders_processing ON acme_orders (status) WHERE status = 'processing'",
      // RFC 9773 §5: one order at most replaces a certificate, those that failed not counted.
      `CREATE UNIQUE INDEX acme_orders_by_replaced ON acme_orders (replaces) WHERE replaces IS NOT NULL AND status <> 'invalid'`,
      `CREATE TABLE acme_authorizations (id TEXT PRIMARY KEY, account TEXT NOT NULL, type TEXT NOT NULL, value TEXT NOT NULL,
        wildcard INTEGER NOT NULL, status TEXT NOT NULL, expires_at INTEGER NOT NULL) STRICT, WITHOUT ROWID`,
      'CREATE INDEX acme_authorizations_by_subject ON acme_authorizations (account, value, type)',
      'CREATE INDEX acme_authorizations_by_expiry ON acme_authorizations (expires_at)',
      `CREATE TABLE acme_order_authorizations (authorization TEXT NOT NULL, order_id TEXT NOT NULL,
        PRIMARY KEY (authorization, order_id)) STRICT, WITHOUT ROWID`,
      'CREATE INDEX acme_authorizations_by_order ON acme_order_authorizations (order_id)',
      `CREATE TABLE acme_challenges (id TEXT PRIMARY KEY, authorization TEXT NOT NULL, type TEXT NOT NULL, token TEXT NOT NULL,
        status TEXT NOT NULL, started_at INTEGER, validated_at INTEGER, error TEXT, request TEXT) STRICT, WITHOUT ROWID`,
      'CREATE INDEX acme_challenges_by_authorization ON acme_challenges (authorization)',
      "CREATE INDEX acme_challenges_processing ON acme_challenges (status) WHERE status = 'processing'",
      `CREATE TABLE ca_serials (serial TEXT PRIMARY KEY, issuer TEXT NOT NULL, reserved_at INTEGER NOT NULL, order_id TEXT,
        issued INTEGER NOT NULL) STRICT, WITHOUT ROWID`,
      `CREATE TABLE ca_certificates (serial TEXT PRIMARY KEY, issuer TEXT NOT NULL, profile TEXT NOT NULL, identifiers TEXT NOT NULL,
        not_before INTEGER NOT NULL, not_after INTEGER NOT NULL, issued_at INTEGER NOT NULL, der BLOB NOT NULL, key_hash TEXT NOT NULL,
        account TEXT, order_id TEXT UNIQUE, revoked_at INTEGER, revocation_reason INTEGER) STRICT`,
      'CREATE INDEX ca_certificates_by_issuance ON ca_certificates (issued_at)',
      'CREATE INDEX ca_certificates_by_key ON ca_certificates (key_hash)',
      'CREATE INDEX ca_certificates_revoked ON ca_certificates (issuer, not_after, serial) WHERE revoked_at IS NOT NULL',
      'CREATE TABLE ca_crl_numbers (issuer TEXT PRIMARY KEY, number INTEGER NOT NULL) STRICT, WITHOUT ROWID',
    ],
  },
  {
    id: 'ca-0002',
    statements: [
      'ALTER TABLE acme_challenges ADD COLUMN proof TEXT',
      'ALTER TABLE ca_certificates ADD COLUMN crl_partition INTEGER',
      'CREATE INDEX ca_certificates_by_end ON ca_certificates (not_after)',
      'CREATE INDEX ca_certificates_by_names ON ca_certificates (identifiers, not_after)',
      'ALTER TABLE acme_orders ADD COLUMN names TEXT',
      'CREATE INDEX acme_orders_by_names ON acme_orders (names, created_at)',
      `CREATE TABLE ca_approvals (id TEXT PRIMARY KEY, issuer TEXT NOT NULL, account TEXT NOT NULL, identifier TEXT NOT NULL,
        because TEXT NOT NULL, status TEXT NOT NULL, requested_at INTEGER NOT NULL, decided_at INTEGER, until INTEGER) STRICT, WITHOUT ROWID`,
      "CREATE UNIQUE INDEX ca_approvals_waiting ON ca_approvals (account, identifier) WHERE status = 'waiting'",
      'CREATE INDEX ca_approvals_by_subject ON ca_approvals (account, identifier, requested_at)',
      `CREATE TABLE ca_record (seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, kind TEXT NOT NULL, serial TEXT, entry TEXT,
        leaf BLOB NOT NULL) STRICT`,
      'CREATE INDEX ca_record_by_serial ON ca_record (serial) WHERE serial IS NOT NULL',
      "CREATE INDEX ca_record_policies ON ca_record (seq) WHERE kind = 'policy'",
      'CREATE INDEX ca_record_by_time ON ca_record (at) WHERE entry IS NOT NULL',
      'CREATE TABLE ca_record_tiles (tile INTEGER PRIMARY KEY, hash BLOB NOT NULL) STRICT',
      `CREATE TABLE ca_tree_heads (size INTEGER PRIMARY KEY, at INTEGER NOT NULL, root BLOB NOT NULL, signature BLOB NOT NULL)
        STRICT`,
    ],
  },
  {
    id: 'ca-0003',
    // Whoever keeps a key for many certificates has many rows of it: only those that matter are looked at.
    statements: ['CREATE INDEX ca_certificates_compromised ON ca_certificates (key_hash) WHERE revocation_reason = 1'],
  },
  {
    id: 'ca-0004',
    statements: [
      `CREATE TABLE ca_enrolments (id TEXT PRIMARY KEY, secret TEXT NOT NULL, name TEXT NOT NULL, names TEXT NOT NULL,
        addresses TEXT NOT NULL, issuer TEXT, profile TEXT, uses INTEGER, used INTEGER NOT NULL, created_at INTEGER NOT NULL,
        expires_at INTEGER, revoked_at INTEGER) STRICT, WITHOUT ROWID`,
    ],
  },
  {
    id: 'ca-0005',
    statements: [
      `CREATE TABLE ca_scep_requests (issuer TEXT NOT NULL, transaction_id TEXT NOT NULL, enrolment TEXT NOT NULL, csr BLOB NOT NULL,
        created_at INTEGER NOT NULL, PRIMARY KEY (issuer, transaction_id)) STRICT, WITHOUT ROWID`,
      'CREATE INDEX ca_scep_requests_by_time ON ca_scep_requests (created_at)',
    ],
  },
  {
    id: 'ca-0006',
    statements: ["ALTER TABLE acme_accounts ADD COLUMN former_thumbprints TEXT NOT NULL DEFAULT '[]'"],
  },
]
