import type { Affairs, NameAffairs } from '../../ca/affairs.ts'
import { Flag, Opcode, Rcode, rcodeName } from '../../dns/codes.ts'
import { type Name, printName } from '../../dns/name.ts'
import type { ResourceRecord } from '../../dns/record.ts'
import { printRdata, Type } from '../../dns/types.ts'
import type { SocketAddress } from '../../host/network.ts'
import type { World } from '../../host/world.ts'
import { askByDatagram } from '../../zones/transfer/remote.ts'
import { certificateFault } from '../explain/certificate-findings.ts'
import { type Endpoint, lookAt } from '../explain/endpoint.ts'

/** What a probe looks at, from the outside in: an answer, a handshake, the certificate that it brought. */
export type Layer = 'dns' | 'tls' | 'certificate'

/** How one layer was found. */
export interface LayerReport {
  layer: Layer
  ok: boolean
  /** What was found, or what is wrong. */
  what: string
  milliseconds: number
}

/** A probe's last look; below the layer that failed nothing was looked at. */
export interface ProbeReport {
  name: string
  port: number
  /** ISO 8601. */
  at: string
  layers: LayerReport[]
  /** When the first certificate that was shown ends, in milliseconds since 1970. */
  ends?: number
}

export interface ProbeDeps extends World {
  /** Our own DNS listener, as a client of this machine reaches it. */
  server: SocketAddress
  affairs?: Affairs | undefined
}

/** Milliseconds from one question to the next, which clients wait too; the last ends it. */
const WAITS = [1000, 2000]
/** What a name is asked for. */
const TYPES = [Type.A, Type.AAAA]

/** Asks for the name as any client does, and connects to whatever the answers lead to. */
export async function probe(deps: ProbeDeps, name: Name, port: number): Promise<ProbeReport> {
  const report: ProbeReport = {
    name: printName(name),
    port,
    at: new Date(deps.clock.now()).toISOString(),
    layers: [],
  }
  const layer = layersOf(deps, report)
  const answer = await layer('dns', () => resolve(deps, name))
  if (!answer) return report
  const endpoints = await layer('tls', () => shake(deps, name, answer, port))
  if (!endpoints) return report
  report.ends = Math.min(...endpoints.map(({ not_after: end }) => Date.parse(end!)))
  await layer('certificate', () => judge(deps, name, endpoints))
  return report
}

/** What a layer found, in words and for the next one. */
interface Found<T> {
  what: string
  found: T
}

/** A layer does not hold; the message says why. */
class Fault extends Error {
  override name = 'Fault'
}

/** Runs the layers of a probe and writes down how they were found. */
function layersOf({ clock }: ProbeDeps, { layers }: ProbeReport) {
  return async <T>(layer: Layer, look: () => Promise<Found<T>>): Promise<T | undefined> => {
    const began = clock.monotonic()
    const milliseconds = () => Math.round(clock.monotonic() - began)
    try {
      const { what, found } = await look()
      layers.push({ layer, ok: true, what, milliseconds: milliseconds() })
      return found
    } catch (error) {
      layers.push({ layer, ok: false, what: (error as Error).message, milliseconds: milliseconds() })
      return undefined
    }
  }
}

async function resolve(deps: ProbeDeps, name: Name): Promise<Found<ResourceRecord[]>> {
  const answers = await Promise.all(TYPES.map(type => ask(deps, name, type)))
  const failed = answers.find(({ rcode }) => rcode !== Rcode.NOERROR)
  if (failed) throw new Fault(rcodeName(failed.rcode))
  const addresses = answers.flatMap(({ answer }) => answer).filter(({ type }) => type === Type.A || type === Type.AAAA)
  if (addresses.length === 0) throw new Fault('no address')
  return { what: addresses.map(({ type, rdata }) => printRdata(type, rdata)).join(', '), found: addresses }
}

function ask(deps: ProbeDeps, name: Name, type: number) {
  const request = {
    ...{ flags: Flag.RD, opcode: Opcode.QUERY, rcode: 0, answer: [], authority: [], additional: [] },
    question: [{ name, type, class: 1 }],
    edns: { udpSize: 1232, version: 0, dnssecOk: false, options: [] },
  }
  return askByDatagram(deps, { address: deps.server }, request, WAITS)
}

/** Every address must show a certificate: users get any of them. */
async function shake(deps: ProbeDeps, name: Name, answer: ResourceRecord[], port: number): Promise<Found<Endpoint[]>> {
  const endpoints = await lookAt(deps, name, answer, port)
  const failed = endpoints.find(({ problem }) => problem !== undefined)
  if (failed) throw new Fault(`${failed.address}: ${failed.problem}`)
  return { what: endpoints.map(({ address, serial }) => `${address} shows ${serial}`).join(', '), found: endpoints }
}

async function judge({ affairs, clock }: ProbeDeps, name: Name, endpoints: Endpoint[]): Promise<Found<void>> {
  const known = (await affairs?.(name)) ?? UNKNOWN
  const fault = certificateFault({ name, affairs: known, endpoints, now: clock.now() })
  if (fault !== undefined) throw new Fault(fault)
  const [{ not_after: end }] = endpoints as [Endpoint]
  const ours = known.certificates.length > 0 ? 'the newest of ours' : 'not of ours'
  return { what: `${ours}, until ${end}`, found: undefined }
}

/** Of a name that the CA has nothing to do with. */
const UNKNOWN: NameAffairs = {
  ...{ certificates: [], orders: [], refusals: [], rules: [], caa: 'allows us' },
  challenge: { name: '', rcode: 'NXDOMAIN', records: [] },
}
