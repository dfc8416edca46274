import type { CertificateRecord, CertificateStore } from '../../ca/store/certificate-store.ts'
import { ConflictError } from '../../host/database.ts'

/** A certificate store that forgets everything with the test; `records` and `reserved` may be looked into. */
export function memoryStore() {
  const records = new Map<string, CertificateRecord>()
  const reserved = new Set<string>()
  const crlNumbers = new Map<string, number>()
  const store: CertificateStore = {
    async reserveSerial({ serial, keyHash = '' }) {
      if (await store.isCompromised(keyHash)) throw new ConflictError('the key is compromised')
      if (reserved.has(serial)) throw new ConflictError(`serial ${serial} is taken`)
      reserved.add(serial)
    },
    async storeCertificate(record) {
      if (!reserved.has(record.serial) || records.has(record.serial)) throw new ConflictError('not reserved')
      records.set(record.serial, record)
    },
    certificate: async serial => records.get(serial),
    latestIssuance: async () =>
      Math.max(0, ...[...records.values()].filter(record => !record.revocation).map(record => record.issuedAt)),
    async revokeCertificate(serial, revocation) {
      const record = records.get(serial)
      if (!record || record.revocation) return false
      records.set(serial, { ...record, revocation })
      return true
    },
    async revokedCertificates(issuer, since, partition) {
      return [...records.values()]
        .filter(record => record.issuer === issuer && record.revocation && record.notAfter >= since)
        .filter(record => partition === undefined || record.crlPartition === partition)
        .map(record => ({ serial: record.serial, ...record.revocation! }))
        .sort((a, b) => (a.serial < b.serial ? -1 : 1))
    },
    isCompromised: async keyHash =>
      [...records.values()].some(record => record.keyHash === keyHash && record.revocation?.reason === 1),
    async lastPartition(issuer) {
      const own = [...records.values()].filter(record => record.issuer === issuer && record.crlPartition !== undefined)
      return own.length > 0 ? Math.max(...own.map(record => record.crlPartition!)) : undefined
    },
    async nextCrlNumber(issuer) {
      const next = (crlNumbers.get(issuer) ?? 0) + 1
      crlNumbers.set(issuer, next)
      return next
    },
  }
  return { store, records, reserved, crlNumbers }
}
