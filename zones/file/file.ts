import { createHash } from 'node:crypto'
import { dirname, resolve } from 'node:path'
import { equalNames, isSubdomain, type Name, printName } from '../../dns/name.ts'
import type { ResourceRecord } from '../../dns/record.ts'
import { Type, typeName } from '../../dns/types.ts'
import { ZonefileError, ZonefileReader } from '../../dns/zonefile.ts'
import { ZoneBuilder, ZoneError, ZoneImage } from '../zone.ts'
import { checkZone, type Finding } from './check.ts'

/** Reads a file as text; throws where it can't be read. */
export type ReadFile = (path: string) => string

/** What a master file comes to. With an error there is no image. */
export interface ZoneFile {
  image: ZoneImage | undefined
  /** The same for files with the same content, what they include taken in. */
  digest: string
  errors: ZonefileError[]
  warnings: ZonefileError[]
}

/** Reads and checks the master file of a zone. All that is wrong is in `errors`, with its place. */
export function readZoneFile(file: string, origin: Name, read: ReadFile): ZoneFile {
  const digest = createHash('sha256')
  const fetch = (path: string) => {
    const text = read(path)
    digest.update(`${text.length}:`).update(text)
    return text
  }
  let text: string
  try {
    text = fetch(file)
  } catch (error) {
    return { image: undefined, digest: '', errors: [unreadable(file, error)], warnings: [] }
  }
  // $INCLUDE is relative to the file that includes, wherever the daemon was started.
  const include = (path: string, from: string) => {
    const included = resolve(dirname(from), path)
    return { text: fetch(included), file: included }
  }
  const scan = () => new ZonefileReader(text, { origin, file, include })
  const { builder, count, errors, warnings } = readRecords(scan(), origin)
  const result = { digest: digest.digest('hex'), errors, warnings }
  if (errors.length > 0) return { image: undefined, ...result }
  const image = build(builder, file, errors)
  if (!image) return { image, ...result }
  const merged = count - image.latest().size()
  const start = { file, line: 1, column: 1 }
  if (merged > 0) warnings.push(new ZonefileError(start, `${merged} records are there twice and count once`))
  locate(
    checkZone(image.latest()),
    () => new ZonefileReader(text, { origin, file, include: includeAgain(read) }),
    result,
  )
  return { image: errors.length > 0 ? undefined : image, ...result }
}

/** The same for a text that came without files: it can't include any. */
export function readZoneText(file: string, origin: Name, text: string): ZoneFile {
  return readZoneFile(file, origin, path => {
    if (path !== file) throw new Error('only a file can include others')
    return text
  })
}

function includeAgain(read: ReadFile) {
  return (path: string, from: string) => {
    const file = resolve(dirname(from), path)
    return { text: read(file), file }
  }
}

function unreadable(file: string, error: unknown): ZonefileError {
  const reason = error instanceof Error ? error.message : String(error)
  return new ZonefileError({ file, line: 1, column: 1 }, `can't be read: ${reason}`)
}

/** The digest of a file that includes no other, without reading it as a zone: what did not change need not be parsed at all. */
export function digestOfFile(file: string, read: ReadFile): string | undefined {
  const text = read(file)
  return /^\$INCLUDE\b/im.test(text)
    ? undefined
    : createHash('sha256').update(`${text.length}:`).update(text).digest('hex')
}

/** Reads a zone from its file, elsewhere perhaps; undefined where the file's digest is `applied`, so that it need not be read. */
export type ReadZone = (file: string, origin: Name, applied?: string) => Promise<ZoneFile | undefined>

/** The same here and now. */
export function readZoneHere(read: ReadFile): ReadZone {
  return async (file, origin, applied) => readUnlessApplied(file, origin, read, applied)
}

export function readUnlessApplied(file: string, origin: Name, read: ReadFile, applied?: string): ZoneFile | undefined {
  if (applied !== undefined && digestOrNone(file, read) === applied) return undefined
  const zone = readZoneFile(file, origin, read)
  return applied !== undefined && zone.digest === applied ? undefined : zone
}

function digestOrNone(file: string, read: ReadFile): string | undefined {
  try {
    return digestOfFile(file, read)
  } catch {
    // Reading it as a zone reports the failure in the file's name.
    return undefined
  }
}

/** All records, with an error for each that this zone can't hold, wherever in the file it is. */
function readRecords(reader: ZonefileReader, origin: Name) {
  const builder = new ZoneBuilder(origin)
  const warnings: ZonefileError[] = []
  let count = 0
  let soas = 0
  let last: ResourceRecord | undefined
  for (const record of reader) {
    const { owner, type } = record
    if (!isSubdomain(owner, origin)) reader.report(`${printName(owner)} is outside the zone ${printName(origin)}`)
    else if (type === Type.SOA && !equalNames(owner, origin))
      reader.report(`an SOA at ${printName(owner)}; the apex is ${printName(origin)}`)
    else if (type === Type.SOA && soas++ > 0) reader.report('a second SOA; a zone has one')
    // RFC 2181 §5.2.
    else if (last && last.type === type && type !== Type.RRSIG && last.owner === owner && last.ttl !== record.ttl)
      warnings.push(
        new ZonefileError(
          reader.place,
          `the TTL ${record.ttl} differs from the ${last.ttl} of the ${typeName(type)} record before; the lowest counts for all`,
        ),
      )
    // With an error nothing is built any more; the rest is read for what else is wrong.
    if (reader.errors.length === 0) stage(record, builder, reader)
    count++
    last = record
  }
  const errors = [...reader.errors]
  if (soas === 0 && errors.length === 0) {
    reader.place = { file: reader.place.file, line: 1, column: 1 }
    errors.push(new ZonefileError(reader.place, `there is no SOA for ${printName(origin)}`))
  }
  return { builder, count, errors, warnings }
}

function stage(record: ResourceRecord, builder: ZoneBuilder, reader: ZonefileReader): void {
  try {
    builder.add(record)
  } catch (error) {
    if (!(error instanceof ZoneError)) throw error
    reader.report(error.message)
  }
}

function build(builder: ZoneBuilder, file: string, errors: ZonefileError[]): ZoneImage | undefined {
  try {
    return ZoneImage.from(builder)
  } catch (error) {
    if (!(error instanceof ZoneError)) throw error
    errors.push(new ZonefileError({ file, line: 1, column: 1 }, error.message))
    return undefined
  }
}

/** Findings are about owners and types; the file is read once more for where these are, and only if there are any. */
function locate(
  findings: readonly Finding[],
  again: () => ZonefileReader,
  into: { errors: ZonefileError[]; warnings: ZonefileError[] },
): void {
  let open = [...findings]
  const settle = (finding: Finding, place: { file: string; line: number; column: number }) =>
    into[finding.severity === 'error' ? 'errors' : 'warnings'].push(new ZonefileError(place, finding.message))
  if (open.length === 0) return
  const reader = again()
  const first = { ...reader.place }
  for (const record of reader) {
    if (open.length === 0) return
    open = open.filter(finding => {
      if (finding.type !== record.type || !equalNames(finding.owner, record.owner)) return true
      settle(finding, reader.place)
      return false
    })
  }
  for (const finding of open) settle(finding, first)
}
