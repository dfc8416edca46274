import type { Clock } from '../host/clock.ts'
import { timestamp } from './acme/states.ts'
import { orderSummary } from './affairs.ts'
import { CaCommandError, type CaCommands } from './command.ts'
import type { CaCertificate } from './hierarchy/ca-certificate.ts'
import { describeAuthority, describeCertificate } from './hierarchy/describe.ts'
import { fingerprintText } from './hierarchy/trust.ts'
import type { CertificateRecord } from './store/certificate-store.ts'
import type { CaStore } from './store/store.ts'
import { readCertificate } from './x509/certificate-facts.ts'
import { kindOfKey } from './x509/public-key.ts'
import { fingerprint, parseSerial, pemOf } from './x509/x509.ts'

/** The CA certificate of an id, and the root that it comes from. */
export type FindAuthority = (id: string) => { root: CaCertificate; found: CaCertificate | undefined } | undefined

const LISTED = 100
const MOST = 1000

/** The commands that look at what became of orders and certificates; nothing is changed by them. */
export function inquiryCommands(deps: { store: CaStore; clock: Clock; authorityOf: FindAuthority }): CaCommands {
  const { store, clock, authorityOf } = deps
  const recordOf = async (text: unknown): Promise<CertificateRecord> => {
    const serial = parseSerial(String(text ?? ''))
    if (!serial) throw new CaCommandError(`"${text ?? ''}" is not a serial number in hex`)
    const found = await store.certificate(serial)
    if (!found) throw new CaCommandError(`no certificate of ours has the serial number ${serial}`, 1)
    return found
  }

  return {
    /** `{ serial }` → the certificate, what it hangs on, and what happened to it. */
    'ca.certificate': async args => {
      const record = await recordOf(args['serial'])
      return {
        ...describeCertificate(record, clock.now()),
        issued_at: timestamp(record.issuedAt),
        ...(record.order !== undefined && { order: record.order }),
        sha256: fingerprintText(fingerprint(record.der)),
        key_type: kindOfKey(readCertificate(record.der).publicKey),
        certificate: pemOf('CERTIFICATE', record.der),
        chain: chainOf(authorityOf(record.issuer)),
        record: (await store.entriesOf(record.serial)).map(({ at, ...entry }) => ({ at: String(at), ...entry })),
      }
    },

    /** `{ failed?, limit? }` → the last orders, newest first. */
    'ca.orders': async args => {
      const orders = await store.lastOrders(limitOf(args['limit']), args['failed'] === true)
      return Promise.all(orders.map(order => orderSummary(store, order)))
    },

    /** `{ limit? }` → orders that were not even taken, newest first. */
    'ca.refusals': async args =>
      (await store.lastRefusals(limitOf(args['limit']))).map(({ at, ...entry }) => ({ at: String(at), ...entry })),

    /** `{ since }` (milliseconds) → lines of the record by kind. */
    'ca.activity': async args => store.countEntries(Number(args['since'] ?? 0)),
  }
}

function chainOf(authority: ReturnType<FindAuthority>) {
  const { root, found } = authority ?? {}
  const chain = found && root ? (found.id === root.id ? [root] : [found, root]) : []
  return chain.map(describeAuthority)
}

function limitOf(value: unknown): number {
  const limit = Number(value ?? LISTED)
  if (!Number.isInteger(limit) || limit < 1) throw new CaCommandError(`"${value}" is no number of lines`)
  return Math.min(limit, MOST)
}
