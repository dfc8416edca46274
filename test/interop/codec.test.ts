import { createSocket } from 'node:dgram'
import { readFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import { Flag } from '../../dns/codes.ts'
import { parseMessage, writeMessage } from '../../dns/message.ts'
import { nameKey, parseName, printName } from '../../dns/name.ts'
import type { ResourceRecord } from '../../dns/record.ts'
import { parseRdataText, printGeneric, Type, type TypeName, typeName } from '../../dns/types.ts'
import { parseZonefile } from '../../dns/zonefile.ts'
import { run, without } from './tools.ts'

const vectors: { source: string; type: TypeName; text: string }[] = JSON.parse(
  readFileSync(new URL('../vectors/rdata.json', import.meta.url), 'utf8'),
)
const records: ResourceRecord[] = vectors.map(({ type, text }, i) => ({
  // dig wants NSEC3 to be owned by a hash (RFC 5155 §1.3).
  owner: parseName(type === 'NSEC3' ? '0p9mhaveqvm6t7vbl5lop2u3t2rp3tom.Example.' : `x${i}.Example.`),
  type: Type[type],
  class: 1,
  ttl: 60,
  rdata: parseRdataText(Type[type], text),
}))
const show = ({ owner, type, ttl, rdata }: ResourceRecord) =>
  `${printName(owner)} ${ttl} ${typeName(type)} ${printGeneric(rdata)}`

/** A server that knows nothing but our codec: it answers each query with the example of its name. */
async function serveExamples(t: Test): Promise<number> {
  const byName = new Map(records.map(record => [nameKey(record.owner), record]))
  const socket = createSocket('udp4')
  socket.on('message', (octets, peer) => {
    const query = parseMessage(octets)
    const record = byName.get(nameKey(query.question[0]!.name))
    const response = { ...query, flags: Flag.QR | Flag.AA, answer: record ? [record] : [], additional: [] }
    socket.send(writeMessage(response), peer.port, peer.address)
  })
  await new Promise<void>(resolve => socket.bind(0, '127.0.0.1', resolve))
  t.teardown(() => socket.close())
  return socket.address().port
}

/** One run of dig or kdig over all examples, and what we read from what it prints. */
async function ask(program: string, port: number, options: string[]): Promise<string[]> {
  const questions = records.flatMap(record => ['-q', printName(record.owner), '-t', `TYPE${record.type}`])
  const { stdout } = await run(program, ['@127.0.0.1', '-p', String(port), ...options, ...questions])
  const { records: read, errors } = parseZonefile(stdout, { origin: parseName('.'), file: program })
  if (errors[0]) throw new Error(`${errors[0].message} in\n${stdout}`)
  return read.map(show)
}

t.test('dig prints what we wrote', { skip: without('dig') }, async t => {
  const port = await serveExamples(t)
  t.strictSame(await ask('dig', port, ['+noidnin', '+noall', '+answer']), records.map(show))
  t.strictSame(
    await ask('dig', port, ['+noidnin', '+noall', '+answer', '+unknownformat']),
    records.map(show),
    'RFC 3597 §5',
  )
})

t.test('kdig prints what we wrote', { skip: without('kdig') }, async t => {
  const port = await serveExamples(t)
  t.strictSame(await ask('kdig', port, ['+noidn', '+noall', '+answer']), records.map(show))
})
