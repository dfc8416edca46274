import t from 'tap'
import { parseName } from '../../dns/name.ts'
import { typeCode } from '../../dns/types.ts'
import { ZoneTable } from '../../zones/lookup/table.ts'
import { type NastyZone, nastyZones } from '../interop/differential/generator.ts'
import { imageOf, queryWire } from '../zones/ask.ts'
import { signedImage } from '../zones/signed-image.ts'
import { sameByDatagram } from './datagrams.ts'

/**
 * The suites that compare us with others, and those of the RFCs, ask the zones without a socket. Here such zones are asked through
 * each way that a datagram can take, and the answers are the same octets: when they are made, and when they come from the answer cache.
 */
const ZONES = Array.from({ length: 10 }, (_, seed) => nastyZones(seed)).flat()
const SIGNED = ZONES.slice(0, 4)
const TYPES = ['A', 'NS', 'CNAME', 'MX', 'TXT', 'DNAME', 'DS', 'SOA', 'ANY'].map(type => typeCode(type)!)
const OPTIONS = [{}, { udpSize: 1232, dnssecOk: true }]
/** Made, made again and kept, found. */
const TIMES = 3
const DNSKEY = '@ DNSKEY 257 3 15 l02Woi0iS8Aa25FQkUd9RMzZHJpBoRQwAQEX1SxZJA4=\n'

/** Every name with every type. */
function questions(zones: readonly NastyZone[]): Uint8Array[] {
  return zones.flatMap(({ names }) =>
    names.flatMap(name => TYPES.flatMap(type => OPTIONS.map(options => queryWire(parseName(name), type, options)))),
  )
}

async function signed(nsec3: boolean): Promise<ZoneTable> {
  const texts = SIGNED.map(({ origin, text }) => [origin, `${text}\n$ORIGIN ${origin}\n${DNSKEY}`] as const)
  return new ZoneTable(await Promise.all(texts.map(([origin, text]) => signedImage(origin, text, nsec3))))
}

const plain = new ZoneTable(ZONES.map(({ origin, text }) => imageOf(origin, text)))
sameByDatagram(
  t,
  [
    { zones: plain, wires: questions(ZONES) },
    { zones: await signed(false), wires: questions(SIGNED) },
    { zones: await signed(true), wires: questions(SIGNED) },
  ],
  TIMES,
)
