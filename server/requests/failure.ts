import { BADSIG, Rcode } from '../../dns/codes.ts'
import { RcodeError, WireError } from '../../dns/errors.ts'
import { printName } from '../../dns/name.ts'
import { TsigErrorCode, type TsigVerdict } from '../../dns/tsig.ts'

type InvalidTsig = TsigVerdict & { kind: 'invalid' }

/** A request whose signature does not hold (RFC 8945 §5.2). */
export class TsigFailure extends Error {
  override name = 'TsigFailure'
  readonly code = 'tsig-failure'
  readonly verdict: InvalidTsig
  constructor(verdict: InvalidTsig) {
    super(verdict.reason)
    this.verdict = verdict
  }
}

/** What a request is answered with that failed. */
export interface Failure {
  rcode: number
  /** For the log; not for the client, whom it might tell about zones that are not his. */
  reason: string
  /** RFC 8914. */
  ede?: number
  /** Where it matters more or less than usual. */
  level?: 'warn' | 'error'
  tsig?: { verdict: InvalidTsig; name: 'BADSIG' | 'BADKEY' | 'BADTIME' | 'BADTRUNC' }
}

/** RcodeError, WireError, TsigFailure and the unforeseen, as an answer. */
export function describeFailure(error: unknown): Failure {
  if (error instanceof RcodeError) {
    const { rcode, message, ede } = error
    return { rcode, reason: message, ...(ede !== undefined && { ede }) }
  }
  if (error instanceof WireError) return { rcode: Rcode.FORMERR, reason: error.message }
  if (error instanceof TsigFailure) return describeTsig(error.verdict)
  const reason = error instanceof Error ? (error.stack ?? error.message) : String(error)
  return { rcode: Rcode.SERVFAIL, reason, level: 'error' }
}

/** RFC 8945 §5.3.2: NOTAUTH, and the error in the TSIG of the answer. */
function describeTsig(verdict: InvalidTsig): Failure {
  const name = TSIG_NAMES[verdict.error]
  const reason = `${name}: key ${printName(verdict.keyName)}: ${verdict.reason}`
  return { rcode: Rcode.NOTAUTH, reason, level: 'warn', tsig: { verdict, name } }
}

const TSIG_NAMES = {
  [BADSIG]: 'BADSIG',
  [TsigErrorCode.BADKEY]: 'BADKEY',
  [TsigErrorCode.BADTIME]: 'BADTIME',
  [TsigErrorCode.BADTRUNC]: 'BADTRUNC',
} as const
