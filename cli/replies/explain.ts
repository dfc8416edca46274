import type { CertificateSummary, Order } from './authority.ts'

/** What a client gets for a name, and from where. */
export interface Explanation {
  name: string
  type: string
  /** What is wrong, in a sentence, or the data where nothing is; `finding` names its kind, "fine" where nothing is wrong. */
  verdict: { finding: string; text: string }
  /** Absent where no view matches. */
  view?: string
  /** Why this view: "client 127.0.0.1 is in its clients". */
  because: string
  /** The zone that answers, or the forward rule. */
  source: string
  /** What each zone on the way said, in order. */
  steps: string[]
  rcode: string
  /** Records in master-file form. */
  answer: string[]
  /** Lines that tell the rest: where the resolver had it from, validation, refusal. */
  notes: string[]
  zone?: { name: string; kind: 'primary' | 'secondary' | 'overlay'; serial: number | null }
  /** The TSIG key that added the records, where one did. */
  owner?: string
  /** The last change at the name that the zone's history knows; `at` in ISO 8601. */
  changed?: { at: string; by: string; serial: number }
  /** What the zones of other views say; `same` where that is what the client gets. */
  elsewhere: { view: string; rcode: string; answer: string[]; same: boolean }[]
  /** Where there is a CA, and the name could be in a certificate. Times are RFC 3339. */
  certificates?: {
    certificates: CertificateSummary[]
    orders: Order[]
    refusals: { at: string; account?: string; because: string }[]
    /** The issue rules that cover the name. */
    rules: string[]
    caa: string
    /** What a dns-01 challenge would find now. */
    challenge: { name: string; rcode: string; records: string[] }
    /** What the name's hosts show over TLS. */
    endpoints: {
      address: string
      port: number
      serial?: string
      names?: string[]
      not_after?: string
      problem?: string
    }[]
  }
}

/** Whether a client would be allowed to update, and by which rule. */
export interface UpdateExplanation {
  name: string
  /** Absent where no view matches. */
  view?: string
  because?: string
  zone?: string
  allowed: boolean
  rcode: string
  /** Names the rule that says no. */
  reason: string
  /** With the number of the rule that allows each, where all are allowed. */
  updates: { update: string; rule?: number }[]
  /** Allowed, and without effect (RFC 2136 §3.4.2). */
  ignored: string[]
  /** Records that would come and go. */
  added: number
  deleted: number
}
