import { extendedErrorData } from '../../dns/edns.ts'
import type { ViewAnswer } from './resolving.ts'

/** What an answer that a policy made has beside its records, for when it is given again from the answer cache. */
export interface PolicyNote {
  /** The code of its Extended DNS Error. */
  ede: number
  /** The data of that EDNS option. */
  data: Uint8Array
  /** Whether the policy's decisions are logged. */
  log: boolean
}

/** There is one for each policy zone and kind of decision; configurations change. */
const MOST_NOTES = 1000

/** The notes of a thread by number, from 1 on. An answer is kept with the number of its note alone. */
export class PolicyNotes {
  private readonly notes: PolicyNote[] = []
  private readonly numbers = new Map<string, number>()

  /** 0 where there is none: the answer was not made by a policy alone, from what was asked. */
  numberOf({ lasting, ede, verdict }: ViewAnswer): number {
    if (!lasting || !ede || !verdict) return 0
    const key = `${ede.code} ${verdict.log} ${ede.text}`
    const known = this.numbers.get(key)
    if (known !== undefined) return known
    if (this.notes.length === MOST_NOTES) return 0
    this.notes.push({ ede: ede.code, data: extendedErrorData(ede.code, ede.text), log: verdict.log })
    this.numbers.set(key, this.notes.length)
    return this.notes.length
  }

  get(number: number): PolicyNote {
    return this.notes[number - 1]!
  }
}
