import type { FastifyRequest } from 'fastify'
import type { Log } from '../../host/log.ts'
import { AcmeError } from '../problems.ts'
import { EnrolmentError } from './error.ts'

/** What a client is told that gets no certificate, by ways that have no problem documents. */
export interface Refusal {
  status: number
  /** A sentence, or several with semicolons between. */
  message: string
  /** Seconds after which it may ask again. */
  retryAfter?: number
  /** Nothing is wrong, but a person must say so first. */
  waiting?: boolean
}

const STATUS: Readonly<Record<EnrolmentError['code'], number>> = {
  secret: 401,
  refused: 403,
  waiting: 403,
  busy: 503,
  unfit: 400,
  unready: 503,
}
/** Seconds until who waits for a person, or for us, should come again. */
const AGAIN: Partial<Record<EnrolmentError['code'], number>> = { waiting: 300, busy: 60, unready: 60 }

/** Tells any error, and logs it: what nobody foresaw with its cause, which the client is not told. */
export function refusalOf(error: unknown, request: FastifyRequest, log: Log): Refusal {
  const fields = { url: request.url, from: request.ip }
  const refusal = describe(error)
  if (refusal) {
    log.info({ ...fields, status: refusal.status }, `refused: ${refusal.message}`)
    return refusal
  }
  log.error({ ...fields, err: error }, 'request failed')
  return { status: 500, message: 'the server failed to process the request' }
}

function describe(error: unknown): Refusal | undefined {
  if (error instanceof EnrolmentError) {
    const { code, message } = error
    const retryAfter = AGAIN[code]
    return { status: STATUS[code], message, waiting: code === 'waiting', ...(retryAfter && { retryAfter }) }
  }
  if (error instanceof AcmeError) {
    const { subproblems = [], retryAfter } = error.options
    const parts = subproblems.map(({ identifier, detail }) => `${identifier?.value}: ${detail}`)
    const message = parts.length > 0 ? parts.join('; ') : error.message
    return { status: error.status, message, ...(retryAfter !== undefined && { retryAfter }) }
  }
  const { statusCode } = error as { statusCode?: number }
  if (statusCode === undefined || statusCode >= 500) return undefined
  return { status: statusCode, message: `the request can't be read (${statusCode})` }
}
