import type { Clock } from '../../host/clock.ts'
import type { Log } from '../../host/log.ts'
import type { CaCertificate } from '../hierarchy/ca-certificate.ts'
import type { CertificateStore } from '../store/certificate-store.ts'
import { type Crl, signCrl } from './crl.ts'
import { crlUrl } from './pointers.ts'

/** How CRLs are made. Times in milliseconds. */
export interface CrlSettings {
  partitions: number
  /** How long one may be relied on. */
  validity: number
  /** How often the next is signed even where nothing was revoked. */
  every: number
}

/** The latest CRL of each issuer, the whole and its parts. */
export interface Crls {
  /** Signs the whole and, where given, a part anew; all that was revoked before the call is in them. */
  refresh(issuer: CaCertificate, partition: number | undefined): Promise<void>
  /** Signs what is due of this issuer. */
  renew(issuer: CaCertificate): Promise<void>
  /** What is signed now, though it may be old. */
  last(issuerId: string, partition: number | undefined): Crl | undefined
  /** One that is new enough; undefined for a part that there is not. */
  current(issuer: CaCertificate, partition: number | undefined): Promise<Crl | undefined>
}

/** For clients whose clocks are slow. */
const BACKDATE = 60_000

/** A CRL tells how things stood at thisUpdate (RFC 5280 §5.1.2.4), so that nothing on it may be later; a clock that was set back is no reason to date it ahead. */
function asOf(now: number, revoked: readonly { at: number }[]): number {
  const last = revoked.reduce((latest, { at }) => Math.max(latest, at), 0)
  return Math.min(now, Math.max(now - BACKDATE, last))
}

/** A CRL is replaced by assignment, only by `sign`. */
export function createCrls(deps: {
  store: CertificateStore
  httpUrl: string | undefined
  crl: CrlSettings
  clock: Clock
  log: Log
}): Crls {
  const { store, httpUrl, crl: settings, clock, log } = deps
  const latest = new Map<string, Crl>()
  const running = new Map<string, Promise<Crl>>()
  const queued = new Map<string, Promise<Crl>>()
  const keyOf = (id: string, partition: number | undefined) => (partition === undefined ? id : `${id}/${partition}`)

  const sign = async (issuer: CaCertificate, partition: number | undefined): Promise<Crl> => {
    const list = keyOf(issuer.id, partition)
    const thisUpdate = clock.now()
    const revoked = await store.revokedCertificates(issuer.id, thisUpdate - settings.validity, partition)
    const number = await store.nextCrlNumber(list, thisUpdate)
    const nextUpdate = Math.min(thisUpdate + settings.validity, issuer.notAfter)
    const url = partition === undefined || httpUrl === undefined ? {} : { url: crlUrl(httpUrl, issuer.id, partition) }
    const crl = await signCrl(issuer, { number, thisUpdate: asOf(thisUpdate, revoked), nextUpdate, revoked, ...url })
    latest.set(list, crl)
    log.debug({ issuer: issuer.commonName, partition, number, entries: revoked.length }, 'CRL signed')
    return crl
  }
  const run = (issuer: CaCertificate, partition: number | undefined): Promise<Crl> => {
    const list = keyOf(issuer.id, partition)
    const signing = sign(issuer, partition).finally(() => running.delete(list))
    running.set(list, signing)
    return signing
  }
  /** A thousand revocations at once share two signatures. */
  const refreshOne = (issuer: CaCertificate, partition: number | undefined): Promise<Crl> => {
    const list = keyOf(issuer.id, partition)
    const before = running.get(list)
    if (!before) return run(issuer, partition)
    const waiting = queued.get(list)
    if (waiting) return waiting
    const next = before
      .catch(() => {})
      .then(() => {
        queued.delete(list)
        return run(issuer, partition)
      })
    queued.set(list, next)
    return next
  }
  /** Parts there are: as many as there are now, and those in which certificates were listed when there were more. */
  const partitionsOf = async (issuer: CaCertificate): Promise<number> => {
    const last = await store.lastPartition(issuer.id)
    return Math.max(settings.partitions > 1 ? settings.partitions : 0, last === undefined ? 0 : last + 1)
  }
  const current = async (issuer: CaCertificate, partition: number | undefined): Promise<Crl | undefined> => {
    const list = keyOf(issuer.id, partition)
    const crl = latest.get(list)
    const age = crl && clock.now() - crl.thisUpdate
    if (crl && age! >= 0 && age! < settings.every) return crl
    if (partition !== undefined && partition >= (await partitionsOf(issuer))) return undefined
    return running.get(list) ?? run(issuer, partition)
  }
  return {
    async refresh(issuer, partition) {
      await Promise.all([
        refreshOne(issuer, undefined),
        ...(partition === undefined ? [] : [refreshOne(issuer, partition)]),
      ])
    },
    async renew(issuer) {
      await current(issuer, undefined)
      const count = await partitionsOf(issuer)
      for (let partition = 0; partition < count; partition++) await current(issuer, partition)
    },
    last: (id, partition) => latest.get(keyOf(id, partition)),
    current,
  }
}
