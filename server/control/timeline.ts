import { printName } from '../../dns/name.ts'
import { printRecord } from '../../dns/types.ts'
import { historyOf } from '../../zones/history/history.ts'
import type { Zones } from '../zones/zones.ts'
import { type Command, CommandError } from './control.ts'

/** A line of the timeline; `at` in ISO 8601, the rest is of its kind. */
interface Happening {
  at: string
  kind: string
  [member: string]: unknown
}

/** What the CA's record has, as `ca.log.entries` gives it. */
interface RecordedLine {
  seq: number
  entry?: Happening
}

/** Lines of one answer, and entries that are asked of each source at once. */
const MOST = 10_000
const PAGE = 1000

/**
 * `{ since, until? }`, both ISO 8601 → changes of zones, and what the CA did and was asked for, in the order in which they happened. At most
 * MOST lines, the oldest first: go on from the last.
 */
export function timelineCommand(zones: Zones, recorded: Command | undefined): Command {
  return async (args, progress) => {
    const since = timeOf(args['since'] ?? new Date(0).toISOString(), 'since')
    const until = args['until'] === undefined ? Number.POSITIVE_INFINITY : timeOf(args['until'], 'until')
    const happenings = [...(await changes(zones, since, until)), ...(await record(recorded, since, until, progress))]
    return happenings.sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0)).slice(0, MOST)
  }
}

function timeOf(value: unknown, what: string): number {
  const time = Date.parse(String(value))
  if (Number.isNaN(time)) throw new CommandError(`"${String(value)}" for ${what} is no time in ISO 8601`, 2)
  return time
}

/** The changes of all zones that are kept, whoever asked for them: a key, a token of the API, a file, the command line. */
async function changes(zones: Zones, since: number, until: number): Promise<Happening[]> {
  const found: Happening[] = []
  for (const { pipeline, view, origin } of zones) {
    if (!pipeline) continue
    for (const { at, key, source, serialAfter, change } of await historyOf(pipeline, MOST)) {
      if (at < since || at > until) continue
      found.push({
        at: new Date(at).toISOString(),
        kind: 'zone',
        ...{ view, zone: printName(origin), serial: serialAfter },
        ...(key !== undefined && { key }),
        ...{ source, added: change.added.map(printRecord), deleted: change.deleted.map(printRecord) },
      })
    }
  }
  return found
}

async function record(
  recorded: Command | undefined,
  since: number,
  until: number,
  progress: (value: unknown) => void,
): Promise<Happening[]> {
  const found: Happening[] = []
  for (let after = 0; recorded && found.length < MOST; ) {
    const page = (await recorded({ after, limit: PAGE, since }, progress)) as RecordedLine[]
    for (const { seq, entry } of page) {
      after = seq
      const at = entry ? Date.parse(entry.at) : 0
      if (entry && at >= since && at <= until) found.push(entry)
    }
    if (page.length < PAGE) break
  }
  return found
}
