import type { NameAffairs } from '../../ca/affairs.ts'
import { wildcardOver } from '../../ca/identifier.ts'
import { type Name, printName } from '../../dns/name.ts'
import { inLargestUnit } from '../../web/client/largest-unit.ts'
import type { Endpoint } from './endpoint.ts'
import type { Finding, Story } from './story.ts'

/** What the CA knows of a name, and what is really served there. */
export interface Certified {
  name: Name
  affairs: NameAffairs
  endpoints: readonly Endpoint[]
  now: number
}

interface CertificateFinding {
  id: string
  of: (certified: Certified) => string | undefined
}

function ofCertificates(id: string, of: CertificateFinding['of']): CertificateFinding {
  return { id, of }
}

const DAY = 86_400_000
/** Certificates that end within this share of their life should have been renewed. */
const LATE = 1 / 6

/** What is wrong with a name's certificate: from what users see now to what they will see. */
const FINDINGS: readonly CertificateFinding[] = [
  ofCertificates('serves-expired', ({ endpoints, now }) => {
    const dead = endpoints.find(({ not_after }) => not_after !== undefined && Date.parse(not_after) < now)
    return dead && `${where(dead)} serves a certificate that expired on ${dead.not_after}`
  }),
  ofCertificates('serves-another-name', ({ endpoints, name }) => {
    const host = printName(name).replace(/\.$/, '').toLowerCase()
    const wrong = endpoints.find(({ names }) => names && !names.some(each => isFor(each.toLowerCase(), host)))
    return wrong && `${where(wrong)} serves a certificate for ${wrong.names!.join(', ') || 'nobody'}, not for ${host}`
  }),
  ofCertificates('serves-revoked', ({ endpoints, affairs }) => {
    const revoked = affairs.certificates.filter(({ status }) => status === 'revoked')
    const at = endpoints.find(({ serial }) => revoked.some(one => one.serial === serial))
    return at && `${where(at)} serves the certificate ${at.serial}, which is revoked`
  }),
  ofCertificates('serves-older', ({ endpoints, affairs }) => {
    const [newest, ...older] = affairs.certificates.filter(({ status }) => status === 'valid')
    const at = endpoints.find(({ serial }) => older.some(one => one.serial === serial))
    return (
      at &&
      newest &&
      `${where(at)} still serves the certificate ${at.serial}; we have issued ${newest.serial} since (${newest.not_before}): reload the server there`
    )
  }),
  ofCertificates('serves-not-ours', ({ endpoints, affairs }) => {
    const known = affairs.certificates.map(({ serial }) => serial)
    const at = endpoints.find(({ serial }) => serial !== undefined && !known.includes(serial))
    return known.length > 0 && at
      ? `${where(at)} serves the certificate ${at.serial}, which is not of ours; the newest of ours is ${known[0]}`
      : undefined
  }),
  ofCertificates('order-failed', ({ affairs }) => {
    const [last] = affairs.orders
    if (last?.problem === undefined) return undefined
    return last.status === 'invalid'
      ? `the last order of a certificate failed, on ${last.created}: ${last.problem}`
      : `an order of a certificate waits since ${last.created}: ${last.problem}`
  }),
  ofCertificates('order-refused', ({ affairs }) => {
    const [refusal] = affairs.refusals
    const [newest] = affairs.certificates
    return refusal && (!newest || newest.not_before < refusal.at)
      ? `a certificate was refused on ${refusal.at}: ${refusal.because}`
      : undefined
  }),
  ofCertificates('caa-forbids', ({ affairs }) =>
    affairs.caa !== 'allows us' && affairs.certificates.length > 0
      ? `CAA will stop the next certificate: ${affairs.caa}`
      : undefined,
  ),
  ofCertificates('certificate-expired', ({ affairs }) => {
    const [newest] = affairs.certificates
    return newest?.status === 'expired' ? `its certificate ${newest.serial} expired on ${newest.not_after}` : undefined
  }),
  ofCertificates('certificate-ends', ({ affairs, now }) => {
    const [newest] = affairs.certificates
    if (newest?.status !== 'valid') return undefined
    const [from, to] = [Date.parse(newest.not_before), Date.parse(newest.not_after)]
    const late = to - now < Math.min((to - from) * LATE, 30 * DAY)
    return late
      ? `its certificate ${newest.serial} ends in ${inLargestUnit(to - now)}, and nobody has renewed it`
      : undefined
  }),
]

/** Where nothing is wrong with the answer. */
export const CERTIFICATE_FINDINGS: readonly Finding[] = FINDINGS.map(({ id, of }) => ({
  id,
  says: ({ certified, now }: Story) => certified && of({ ...certified, now }),
}))

/** The first thing that is wrong with a name's certificate; undefined where nothing is. */
export function certificateFault(certified: Certified): string | undefined {
  for (const { of } of FINDINGS) {
    const fault = of(certified)
    if (fault !== undefined) return fault
  }
  return undefined
}

function where({ address, port }: Endpoint): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`
}

function isFor(name: string, host: string): boolean {
  return name === host || (name.startsWith('*.') && name === wildcardOver(host))
}
