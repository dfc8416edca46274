import { printAddress } from '../../config/address.ts'
import type { Log } from '../../host/log.ts'
import type { PolicyVerdict } from './resolving.ts'

/** Lines of a thread in a second: a flood of one blocked name is not to become one of the log. */
const MOST_LINES = 100

/** Logs what response policies decide. */
export class PolicyLog {
  private readonly log: Log
  private second = -1
  private left = MOST_LINES
  private unlogged = 0

  constructor(log: Log) {
    this.log = log
  }

  /** Whether there is room for a line in this second; where there is none, the decision is counted in the next line. */
  hasRoom(second: number): boolean {
    if (second !== this.second) {
      this.second = second
      this.left = MOST_LINES
    }
    if (this.left > 0) return true
    this.unlogged++
    return false
  }

  /** To be called where there is room. */
  decided({ rule, action }: PolicyVerdict, view: string, client: Uint8Array): void {
    const { unlogged } = this
    this.left--
    this.unlogged = 0
    const fields = { client: printAddress(client), view, rule, action, ...(unlogged > 0 && { unlogged }) }
    this.log.info(fields, 'a response policy decided')
  }
}
