/** Plays test/transcripts/*.txt against the server; `--update` writes what it answered instead, for review. */
import { globSync, readFileSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { Flag, OptionCode, rcodeName } from '../../dns/codes.ts'
import { type Message, parseMessage, writeMessage } from '../../dns/message.ts'
import { nameKey, parseName } from '../../dns/name.ts'
import type { ResourceRecord } from '../../dns/record.ts'
import { signRequest } from '../../dns/tsig.ts'
import { tsigKey } from '../../dns/tsig-record.ts'
import { printRecord } from '../../dns/types.ts'
import { exchange, serveEveryWay, WAYS, type Way } from './exchange.ts'
import { EDNS, queryMessage, type Served } from './serving.ts'
import { startUpstream } from './upstream.ts'

/** A file: what is served, and then questions, each with what is expected. */
interface Transcript {
  head: string
  config: string
  zones: Record<string, string>
  upstream: string
  /** The comment before a question, the question, and the answer as it was when the file was written. */
  steps: { comment: string; query: string; expected: string }[]
}

function read(text: string): Transcript {
  const transcript: Transcript = { head: '', config: '', zones: {}, upstream: '', steps: [] }
  const [setting, ...rest] = text.split(/^(?=QUERY |#)/m)
  transcript.head = setting!
  for (const block of setting!.split(/^(?=CONFIG$|ZONE |UPSTREAM$)/m)) {
    const [first, ...lines] = block.split('\n')
    const body = `${lines.join('\n').trimEnd()}\n`
    if (first === 'CONFIG') transcript.config = body
    else if (first === 'UPSTREAM') transcript.upstream = body
    else if (first!.startsWith('ZONE ')) transcript.zones[first!.slice(5)] = body
  }
  let comment = ''
  for (const part of rest) {
    if (part.startsWith('#')) comment += part
    else {
      const [query, ...lines] = part.split('\n')
      transcript.steps.push({ comment, query: query!.slice(6), expected: lines.join('\n').trimEnd() })
      comment = ''
    }
  }
  return transcript
}

function print({ head, steps }: Transcript): string {
  return `${head}${steps.map(({ comment, query, expected }) => `${comment}QUERY ${query}\n${expected}\n\n`).join('')}`
    .trimEnd()
    .concat('\n')
}

/** "www.a.example. A rd do from=127.0.0.2 tcp key=NAME": asks, and describes the answer in lines. */
async function play(served: Served, line: string, way?: Way): Promise<string> {
  const [name, type, ...words] = line.split(' ')
  const option = (key: string): string | undefined =>
    words.find(word => word.startsWith(`${key}=`))?.slice(key.length + 1)
  const flags =
    (words.includes('rd') ? Flag.RD : 0) | (words.includes('cd') ? Flag.CD : 0) | (words.includes('ad') ? Flag.AD : 0)
  const size = option('edns')
  const edns =
    words.includes('do') || size
      ? {
          ...EDNS,
          udpSize: Number(size ?? 1232),
          dnssecOk: words.includes('do'),
          version: Number(option('version') ?? 0),
        }
      : undefined
  const qclass = option('class')
  const message = queryMessage({
    name: name!,
    type: type!,
    flags,
    ...(edns && { edns }),
    ...(qclass && { class: Number(qclass) }),
  })
  message.opcode = Number(option('opcode') ?? 0)
  let wire = writeMessage(message)
  const key = served.config.keys.find(
    ({ name }) => option('key') && nameKey(name) === nameKey(parseName(option('key')!)),
  )
  if (key) wire = signRequest(wire, tsigKey(key.name, key.algorithm, key.secret), Math.floor(Date.now() / 1000)).wire
  const asked = way ?? (words.includes('tcp') ? 'tcp' : 'udp')
  return describe(parseMessage(await exchange(served, asked, wire, option('from'))))
}

function describe(answer: Message): string {
  const flags = (['AA', 'TC', 'RD', 'RA', 'AD', 'CD'] as const).filter(flag => answer.flags & Flag[flag])
  const section = (label: string, records: readonly ResourceRecord[]) =>
    records.map(record => `  ${label} ${printRecord(record)}`).sort()
  const ede = answer.edns?.options
    .filter(({ code }) => code === OptionCode.EDE)
    .map(({ data }) => ` EDE ${(data[0]! << 8) | data[1]!}`)
  return [
    `EXPECT ${[rcodeName(answer.rcode), ...flags].join(' ')}`,
    ...section('ANSWER', answer.answer),
    ...section('AUTHORITY', answer.authority),
    ...section('ADDITIONAL', answer.additional),
    ...(answer.edns ? [`  EDNS ${answer.edns.udpSize}${answer.edns.dnssecOk ? ' DO' : ''}${ede!.join('')}`] : []),
    ...(answer.tsig ? ['  SIGNED'] : []),
  ].join('\n')
}

/** TTLs of what was forwarded have counted down by the time that the last way is tried. */
function withoutTtls(described: string): string {
  return described.replace(/ \d+ IN /g, ' IN ')
}

const directory = new URL('../transcripts/', import.meta.url).pathname
for (const file of globSync('server-*.txt', { cwd: directory }).sort())
  t.test(file, async t => {
    const transcript = read(readFileSync(directory + file, 'utf8'))
    const upstream = await startUpstream(transcript.upstream)
    t.teardown(() => upstream.close())
    const served = await serveEveryWay(t, {
      config: transcript.config.replaceAll('{upstream}', String(upstream.port)),
      zones: transcript.zones,
    })
    for (const step of transcript.steps) {
      const got = await play(served, step.query)
      // Twice: the second time it may come from the answer cache.
      t.equal(await play(served, step.query), got, `${step.query}, again`)
      if (process.argv.includes('--update')) step.expected = got
      else t.equal(got, step.expected, step.query)
    }
    // Transfers go by TCP alone; what UDP truncates is whole elsewhere. All else is the same by every way.
    for (const way of WAYS)
      for (const { query, expected } of transcript.steps)
        if (!/^EXPECT.* TC/.test(expected) && !/ tcp| AXFR| IXFR/.test(query))
          t.equal(withoutTtls(await play(served, query, way)), withoutTtls(expected), `${query}, ${way}`)
    if (process.argv.includes('--update')) writeFileSync(directory + file, print(transcript))
  })
