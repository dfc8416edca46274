/** The CA at a glance; certificates as `sha256` in upper-case hex with colons. */
export interface CaDetails {
  name: string
  directory: string
  root: CertificateAuthority
  /** Absent until the first of an offline root was brought in. */
  intermediate?: CertificateAuthority
  profiles: string[]
  /** Certificates that are neither expired nor revoked. */
  active: number
  /** In the order of the config, staging last. */
  issuers: {
    name: string
    directory: string
    staging: boolean
    root: CertificateAuthority
    /** Those that are trusted, the one that signs first. */
    roots: CertificateAuthority[]
    /** `issuer` is the subject of the root that signed it. */
    cross_certificates: (CertificateAuthority & { issuer: string })[]
    intermediates: CertificateAuthority[]
  }[]
}

/** A CA certificate. */
export interface CertificateAuthority {
  subject: string
  serial: string
  sha256: string
  not_before: string
  not_after: string
  /** The PKCS#11 token that its key is in; left out: a file. */
  token?: string
}

/** A certificate that ends soon; times in ISO 8601. */
export interface EndingCertificate {
  serial: string
  names: string[]
  profile: string
  not_after: string
  days: number
  account?: string
  /** Serial of its successor. */
  replaced_by?: string
  /** Why the last try to renew it failed. */
  failure?: { at: string; type: string; detail: string }
}

/** A name that waits, or waited, for a person. */
export interface Approval {
  id: string
  issuer: string
  account: string
  name: string
  because: string
  status: 'waiting' | 'approved' | 'denied'
  requested_at: string
  until?: string
}

/** A secret by which devices enrol; `names` are patterns, `addresses` blocks. Without `uses` it serves any number of times. */
export interface Enrolment {
  id: string
  name: string
  names: string[]
  addresses: string[]
  issuer?: string
  profile?: string
  uses?: number
  used: number
  created_at: string
  expires_at?: string
  revoked_at?: string
}

/** The signed head of the record (RFC 9162 §4.10): hashes in hex, the signature in base64. */
export interface TreeHead {
  size: number
  at: string
  /** Milliseconds since 1970, as it is signed. */
  timestamp: number
  root: string
  signature: string
}

/** That the tree of a head has grown from its first leaves: hashes in hex (RFC 9162 §2.1.4). */
export interface Consistency {
  first: number
  consistency: string[]
}

/** A line of the record; of one whose text is no longer kept, its hash. */
export interface RecordLine {
  seq: number
  entry?: RecordEntry
  forgotten?: string
}

/** A root with its certificate in PEM. */
export interface RootCertificate {
  subject: string
  serial: string
  sha256: string
  not_before: string
  not_after: string
  certificate: string
}

/** What was issued: the chain in PEM, leaf first, without the root. */
export interface IssuedCertificate {
  serial: string
  not_after: string
  certificate: string
}

/** A certificate in a list. */
export interface CertificateSummary {
  serial: string
  names: string[]
  profile: string
  not_before: string
  not_after: string
  status: 'valid' | 'expired' | 'revoked'
  /** Left out: by hand, or our own. */
  account?: string
  revoked_at?: string
  /** As RFC 5280 §5.3.1 names it. */
  reason?: string
}

/** A certificate, what it hangs on, and what happened to it. */
export interface CertificateDetails extends CertificateSummary {
  issued_at: string
  order?: string
  sha256: string
  key_type: string
  /** PEM. */
  certificate: string
  /** The issuer, and its own up to the root. */
  chain: CertificateAuthority[]
  record: RecordEntry[]
}

/** An order; `problem` in plain words where it failed, or a challenge of it did. */
export interface Order {
  id: string
  account: string
  names: string[]
  status: string
  created: string
  problem?: string
}

/** What the record of issuance has of one happening; members by kind. */
export interface RecordEntry {
  at: string
  kind: string
  [member: string]: unknown
}
