import { Ede, OptionCode, rcodeName } from '../dns/codes.ts'
import type { Message } from '../dns/message.ts'
import { type Name, printName } from '../dns/name.ts'
import type { ExtendedError } from './cache/failures.ts'
import type { Failure } from './upstreams/race.ts'

/** Why nobody could answer, as the Extended DNS Error that says most (RFC 8914 §4.23, §4.24). */
export function explainFailures(zone: Name, failures: readonly Failure[]): ExtendedError {
  for (const failure of failures) {
    const told = 'response' in failure && toldBy(failure.response)
    if (told) return told
  }
  const answered = failures.find(failure => 'response' in failure)
  if (answered && 'response' in answered)
    return {
      code: Ede.NO_REACHABLE_AUTHORITY,
      text: `${answered.server.label} answered ${describe(answered.response)}`,
    }
  const broken = failures.find(failure => 'error' in failure && failure.error.failure !== 'timeout')
  if (broken && 'error' in broken)
    return { code: Ede.NETWORK_ERROR, text: `${broken.server.label}: ${broken.error.message}` }
  return { code: Ede.NO_REACHABLE_AUTHORITY, text: `no server for ${printName(zone)} answered` }
}

function describe(response: Message): string {
  return response.rcode === 0 ? 'nothing of use' : rcodeName(response.rcode)
}

const LONGEST_TEXT = 200

/** The first Extended DNS Error of a response (RFC 8914 §2), its text bounded. */
export function toldBy(response: Message): ExtendedError | undefined {
  const data = response.edns?.options.find(option => option.code === OptionCode.EDE)?.data
  if (!data || data.length < 2) return undefined
  const text = new TextDecoder().decode(data.subarray(2, 2 + LONGEST_TEXT)).replace(/\0+$/, '')
  return { code: (data[0]! << 8) | data[1]!, text }
}
