/**
 * A resolver for bench/forward.ts that knows every name: A records over UDP and DNS over TLS, after so many milliseconds, TTL an hour unless said.
 * Asked for the TXT of "count." it tells how many questions it was asked, asked for that of "LOSS.DELAY.set." it loses so many of a hundred from
 * then on and takes so many milliseconds for others: node bench/forward-upstream.ts PORT TLS_PORT DELAY FOLDER [TTL]
 */
import { createSocket } from 'node:dgram'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createServer } from 'node:tls'
import { createFrameReader, frame } from '../dns/frames.ts'

const [, , port, tlsPort, firstDelay, folder, ttl = '3600'] = process.argv
const LOOPBACK = '127.0.0.1'
const HEADER = 12
const TXT = 16
const A = 1
let count = 0
let delay = Number(firstDelay)
let loss = 0

/** The response, made in place: header, question, and one record that points to the question. */
function respond(query: Uint8Array): Uint8Array {
  let at = HEADER
  while (query[at] !== 0) at += query[at]! + 1
  const type = (query[at + 1]! << 8) | query[at + 2]!
  if (type === TXT) obey(Buffer.from(query.subarray(HEADER + 1, at)).toString('latin1'))
  const end = at + 5
  const rdata = type === TXT ? text(String(count)) : type === A ? Uint8Array.of(192, 0, 2, 1) : undefined
  if (type !== TXT) count++
  const record = rdata
    ? [0xc0, HEADER, 0, type, 0, 1, 0, 0, Number(ttl) >> 8, Number(ttl) & 255, 0, rdata.length, ...rdata]
    : []
  const response = new Uint8Array(end + record.length)
  response.set(query.subarray(0, end))
  response.set([0x81, 0x80, 0, 1, 0, rdata ? 1 : 0, 0, 0, 0, 0], 2)
  response.set(record, end)
  return response
}

function text(value: string): Uint8Array {
  return Uint8Array.of(value.length, ...Buffer.from(value))
}

/** "20.300.set" as it lies in a message, its dots being lengths of labels. */
function obey(name: string): void {
  const [, newLoss, newDelay] = /^(\d+)[^\d](\d+)[^\d]set$/.exec(name) ?? []
  if (newLoss === undefined) return
  loss = Number(newLoss)
  delay = Number(newDelay)
}

/** Timers of node are a millisecond late at best: at once is at once. What tells it about itself is never lost. */
function later(query: Uint8Array, task: () => void): void {
  // Commands come without an OPT: the type stands four octets before the end.
  const isCommand = query[query.length - 3] === TXT && query[query.length - 1] === 1
  if (!isCommand && Math.random() * 100 < loss) return
  if (isCommand || delay === 0) task()
  else setTimeout(task, delay)
}

const socket = createSocket({ type: 'udp4', recvBufferSize: 4 << 20, sendBufferSize: 4 << 20 })
socket.on('message', (query, from) => later(query, () => socket.send(respond(query), from.port, from.address)))
socket.bind(Number(port), LOOPBACK)

const certificate = {
  key: readFileSync(join(folder!, 'key.pem')),
  cert: readFileSync(join(folder!, 'certificate.pem')),
}
const server = createServer({ ...certificate, ALPNProtocols: ['dot'] }, stream => {
  const frames = createFrameReader()
  stream.setNoDelay(true)
  stream.on('error', () => {})
  stream.on('data', chunk => {
    for (const query of frames.push(chunk)) later(query, () => stream.write(frame(respond(query))))
  })
})
server.listen(Number(tlsPort), LOOPBACK)
