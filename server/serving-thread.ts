import { parentPort, workerData } from 'node:worker_threads'
import type { ServingInit } from './messages.ts'
import { createServing } from './worker.ts'

await createServing(parentPort!, workerData as ServingInit)
