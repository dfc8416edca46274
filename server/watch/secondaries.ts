import { printSocketAddress } from '../../config/address.ts'
import type { RemoteServer } from '../../config/schema.ts'
import { Class, Opcode, Rcode, rcodeName } from '../../dns/codes.ts'
import { equalNames, type Name, printName } from '../../dns/name.ts'
import type { TsigKey } from '../../dns/tsig-record.ts'
import { Type } from '../../dns/types.ts'
import type { World } from '../../host/world.ts'
import { soaSerial } from '../../zones/soa.ts'
import { askByDatagram } from '../../zones/transfer/remote.ts'
import { Gate } from '../../zones/write/gate.ts'
import type { ServedZone } from '../zones/members.ts'

/** What one of those who are told of a zone's changes serves of it. */
export interface SecondaryReport {
  view: string
  zone: string
  secondary: string
  /** Left out where it gave none. */
  serial?: number
  /** What we serve ourselves. */
  own?: number
  /** Why it gave none. */
  problem?: string
}

export interface SecondaryDeps extends World {
  findKey: (name: Name) => TsigKey | undefined
}

const WAITS = [2000, 3000]
/** Exchanges at once, each with a socket. */
const MOST = 32

/** Asks everybody who is told of the zones' changes for the serial that they serve. */
export async function askSecondaries(deps: SecondaryDeps, zones: Iterable<ServedZone>): Promise<SecondaryReport[]> {
  const gate = new Gate(MOST)
  const pairs = [...zones].flatMap(zone => zone.config.notify.map(server => ({ zone, server })))
  return Promise.all(pairs.map(({ zone, server }) => gate.run(() => askSecondary(deps, zone, server))))
}

async function askSecondary(deps: SecondaryDeps, { view, origin, image }: ServedZone, server: RemoteServer) {
  const own = image?.latest().serial()
  const secondary = printSocketAddress(server.address)
  const about = { view, zone: printName(origin), secondary, ...(own !== undefined && { own }) }
  try {
    return { ...about, serial: await serialAt(deps, origin, server) }
  } catch (error) {
    return { ...about, problem: (error as Error).message }
  }
}

async function serialAt(deps: SecondaryDeps, origin: Name, { address, key: name, source }: RemoteServer) {
  const key = name && deps.findKey(name)
  const remote = { address, ...(key && { key }), ...(source !== undefined && { source }) }
  const request = {
    ...{ flags: 0, opcode: Opcode.QUERY, rcode: 0, answer: [], authority: [], additional: [] },
    question: [{ name: origin, type: Type.SOA, class: Class.IN }],
  }
  const { rcode, answer } = await askByDatagram(deps, remote, request, WAITS)
  if (rcode !== Rcode.NOERROR) throw new Error(rcodeName(rcode))
  const soa = answer.find(({ owner, type }) => type === Type.SOA && equalNames(owner, origin))
  if (!soa) throw new Error('no SOA')
  return soaSerial(soa.rdata)
}
