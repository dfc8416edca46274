import { parseName } from '../../dns/name.ts'
import type { ResourceRecord } from '../../dns/record.ts'
import { printRecord } from '../../dns/types.ts'
import { parseZonefile, printZonefile, type ZonefileError, ZonefileReader } from '../../dns/zonefile.ts'
import type { FuzzTarget } from './target.ts'

const ORIGIN = parseName('example.')
/** A $GENERATE may make a million records; these are enough. */
const ENOUGH = 500
const WORDS =
  // biome-ignore lint/suspicious/noTemplateCurlyInString: $GENERATE has the same notation.
  '@|$ORIGIN |$TTL |$INCLUDE |$GENERATE |1-9/2|${0,3,n}|(|)|"|\\|\\000|;|\n|\n |\t|IN |CH |A |AAAA |NS |CNAME |SOA |MX |TXT |LOC |SRV |NAPTR |DS |RRSIG |NSEC |NSEC3 |SVCB |HTTPS |CAA |APL |TYPE1 |\\# 4 |alpn=|mandatory=|key7=|="|3600|1w2d|.|4294967296|é'

/** The reader of master files: nothing is thrown, errors have a place, and what is read can be printed and read again. */
export const zonefile: FuzzTarget = {
  extension: 'zone',
  words: WORDS.split('|').map(word => new Uint8Array(Buffer.from(word))),
  check: input => {
    const text = Buffer.from(input).toString('utf8')
    const { records, errors } = read(text)
    for (const error of errors) checkPlace(error, text)
    if (errors.length > 0) return
    const again = parseZonefile(printZonefile(records, ORIGIN), { origin: ORIGIN, file: 'printed' })
    if (again.errors[0]) throw new Error(`what was printed is refused: ${again.errors[0].message}`)
    records.forEach((record, i) => {
      if (!sameRecord(record, again.records[i])) throw new Error(`${printRecord(record)} is not read as printed`)
    })
  },
}

function read(text: string): { records: ResourceRecord[]; errors: ZonefileError[] } {
  const reader = new ZonefileReader(text, {
    origin: ORIGIN,
    file: 'fuzz',
    include: path => ({ text: `x A 192.0.2.1\n$INCLUDE ${path}x\n`, file: path }),
  })
  const records: ResourceRecord[] = []
  for (const record of reader) if (records.push(record) >= ENOUGH) break
  return { records, errors: reader.errors }
}

function checkPlace({ line, column, file, message }: ZonefileError, text: string): void {
  const last = file === 'fuzz' ? text.split('\n').length : 2
  if (!(line >= 1 && column >= 1 && line <= last)) throw new Error(`an error is nowhere: ${message}`)
}

function sameRecord(a: ResourceRecord, b: ResourceRecord | undefined): boolean {
  return (
    b !== undefined &&
    a.type === b.type &&
    a.ttl === b.ttl &&
    Buffer.compare(a.owner, b.owner) === 0 &&
    Buffer.compare(a.rdata, b.rdata) === 0
  )
}
