/**
 * The least that a DNS server on Node's `dgram` can do: it answers every question with the same address, without looking anything up. What it costs is
 * the floor of all that serve that way. `node bench/echo.ts PORT`
 */
import { createSocket } from 'node:dgram'

const HEADER = 12
/** A pointer to the question's name, A, IN, 300 seconds, 192.0.2.1. */
const ANSWER = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 1, 44, 0, 4, 192, 0, 2, 1])

const socket = createSocket({ type: 'udp4', lookup: (name, _options, done) => done(null, name, 4) })
const out = Buffer.alloc(512)

socket.on('message', (query, from) => {
  let end = HEADER
  while (query[end] !== 0) end += query[end]! + 1
  end += 5
  query.copy(out, 0, 0, end)
  out[2] = 0x84
  out[3] = 0
  // One answer, nothing else.
  out.fill(0, 6, HEADER)
  out[7] = 1
  ANSWER.copy(out, end)
  socket.send(out.subarray(0, end + ANSWER.length), from.port, from.address)
})
socket.bind(Number(process.argv[2]), '127.0.0.1', () => socket.setRecvBufferSize(1 << 20))
