import { parentPort } from 'node:worker_threads'
import type { ServingInit } from './messages.ts'
import { createServing } from './worker.ts'

// Its first message says what it is to serve; meanwhile all that it is made of has been read.
parentPort!.once('message', (init: ServingInit) => void createServing(parentPort!, init))
