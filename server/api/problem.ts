import type { FastifyError, FastifyReply, FastifyRequest, FastifySchemaValidationError } from 'fastify'
import { CaCommandError } from '../../ca/command.ts'
import { Rcode } from '../../dns/codes.ts'
import { RcodeError, TextError } from '../../dns/errors.ts'
import { ConflictError, StorageError } from '../../host/database.ts'
import type { Log } from '../../host/log.ts'
import { EditError } from '../../zones/update/edit.ts'
import { ZoneError } from '../../zones/zone.ts'
import { CommandError } from '../control/control.ts'

/** A request that is refused: the HTTP status, a sentence, and where it is about one part of the body, that part as a JSON pointer (RFC 6901). */
export class ApiError extends Error {
  override name = 'ApiError'
  readonly code = 'api'
  readonly status: number
  readonly pointer: string | undefined
  constructor(status: number, message: string, pointer?: string) {
    super(message)
    this.status = status
    this.pointer = pointer
  }
}

/** What a problem says of itself; `pointer` is to what is wrong in the request. */
interface Problem {
  status: number
  detail: string
  pointer?: string | undefined
}

/** Answers with the problem that the error is (RFC 9457). What nobody foresaw is logged, and told without detail. */
export function sendProblem(error: unknown, request: FastifyRequest, reply: FastifyReply, log: Log): FastifyReply {
  const { status, detail, pointer } = problemOf(error)
  if (status >= 500) log.error({ requestId: request.id, err: error }, 'API request failed')
  // RFC 9110 §15.6.4: whoever asks again may do so soon.
  if (status === 503) reply.header('retry-after', '1')
  return reply
    .code(status)
    .type('application/problem+json')
    .send({
      ...{ type: 'about:blank', status, detail },
      ...(pointer !== undefined && { pointer }),
      // What clients of the PowerDNS API show.
      error: detail,
    })
}

function problemOf(error: unknown): Problem {
  if (error instanceof ApiError) return { status: error.status, detail: error.message, pointer: error.pointer }
  if (error instanceof EditError) return { status: 422, detail: error.message, pointer: `/rrsets/${error.index}` }
  if (error instanceof RcodeError) return { status: error.rcode === Rcode.SERVFAIL ? 503 : 422, detail: error.message }
  if (error instanceof ZoneError || error instanceof TextError) return { status: 422, detail: error.message }
  if (error instanceof CommandError || error instanceof CaCommandError)
    return { status: error.exit === 2 ? 422 : 409, detail: error.errors.join('; ') }
  if (error instanceof ConflictError) return { status: 409, detail: 'somebody else changed the same at the same time' }
  if (error instanceof StorageError) return { status: 503, detail: 'the change could not be written to disk' }
  return fromFramework(error as FastifyError)
}

function fromFramework({ validation, validationContext, statusCode, message }: FastifyError): Problem {
  const [first] = validation ?? []
  if (first) return invalid(first, validationContext ?? 'body')
  if (statusCode !== undefined && statusCode < 500) return { status: statusCode, detail: message }
  return { status: 500, detail: 'the server failed; its log has the reason' }
}

function invalid({ instancePath, message, params }: FastifySchemaValidationError, context: string): Problem {
  const lacking = params['missingProperty']
  const pointer = `${instancePath}${lacking === undefined ? '' : `/${lacking}`}`
  const what = lacking === undefined ? (message ?? 'is not valid') : 'is missing'
  return { status: 422, detail: `${context}${pointer || ' as a whole'} ${what}`, pointer }
}
