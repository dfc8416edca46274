import { readCertificate } from '../../ca/x509/certificate-facts.ts'
import { printAddress } from '../../config/address.ts'
import { type Name, printName } from '../../dns/name.ts'
import type { ResourceRecord } from '../../dns/record.ts'
import { Type } from '../../dns/types.ts'
import type { Clock } from '../../host/clock.ts'
import type { Network } from '../../host/network.ts'

/** What a host shows to whoever connects to it over TLS. */
export interface Endpoint {
  address: string
  port: number
  /** Of the certificate; absent where there is none to be had. */
  serial?: string
  names?: string[]
  /** RFC 3339. */
  not_after?: string
  /** Why there is none. */
  problem?: string
}

/** Milliseconds in which a host must have shown its certificate. */
const PATIENCE = 2000
/** Addresses of one name that are looked at. */
const MOST = 4

/** Connects to each address of an answer, by that name, and reads the certificate without judging it. */
export function lookAt(
  { network, clock }: { network: Pick<Network, 'connect'>; clock: Clock },
  name: Name,
  answer: readonly ResourceRecord[],
  port: number,
): Promise<Endpoint[]> {
  const addresses = answer.filter(({ type }) => type === Type.A || type === Type.AAAA).slice(0, MOST)
  const servername = printName(name).replace(/\.$/, '')
  return Promise.all(
    addresses.map(async ({ rdata }) => {
      const at = { address: printAddress(rdata), port }
      const abort = new AbortController()
      const timer = clock.after(PATIENCE, () => abort.abort())
      const tls = { servername, rejectUnauthorized: false, fresh: true }
      try {
        const connection = await network.connect(at, { tls, signal: abort.signal })
        connection.close()
        return { ...at, ...shown(connection.peerCertificate) }
      } catch (error) {
        return { ...at, problem: abort.signal.aborted ? 'no answer in time' : describe(error) }
      } finally {
        timer.cancel()
      }
    }),
  )
}

function shown(der: Uint8Array | undefined): Omit<Endpoint, 'address' | 'port'> {
  if (!der) return { problem: 'it shows no certificate' }
  try {
    const { serial, identifiers, notAfter } = readCertificate(der)
    return { serial, names: identifiers.map(({ value }) => value), not_after: new Date(notAfter).toISOString() }
  } catch {
    return { problem: 'it shows a certificate that can not be read' }
  }
}

function describe(error: unknown): string {
  const { code, message } = error as { code?: string; message: string }
  return code === 'ECONNREFUSED' ? 'nobody listens' : (code ?? message)
}
