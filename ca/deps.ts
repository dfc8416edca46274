import type { CaConfig } from '../config/schema.ts'
import type { Name } from '../dns/name.ts'
import type { ResourceRecord } from '../dns/record.ts'
import type { Clock } from '../host/clock.ts'
import type { Database } from '../host/database.ts'
import type { Log } from '../host/log.ts'
import type { Network } from '../host/network.ts'
import type { Random } from '../host/random.ts'
import type { Tracer } from '../host/tracer.ts'
import type { Habits } from './acme/habits.ts'
import type { Lookup } from './challenges/challenge.ts'
import type { DnsChange } from './record/entry.ts'
import type { FetchText } from './vault/logins.ts'

/** What the CA needs of the daemon. */
export interface CaDeps {
  config: CaConfig
  dataDir: string
  /** On which CA_MIGRATIONS have been run. */
  database: Database
  clock: Clock
  random: Random
  log: Log
  /** Left out: nothing is traced. */
  tracer?: Tracer
  lookup: Lookup
  network: Pick<Network, 'connect'>
  /** Fetches the keys of a Kubernetes cluster; left out: over HTTPS. */
  fetchText?: FetchText
  /** The change of a zone of ours by which a record came into being; left out where nobody knows. */
  provenance?: (record: ResourceRecord) => Promise<DnsChange | undefined>
  /** Whether the holder of a TSIG key may write this very name in the view where challenges are looked up; left out: nobody. */
  mayWrite?: (key: Name, name: Name) => boolean
  /** Bad habits, for trying clients out; left out: none. */
  habits?: Habits
}
