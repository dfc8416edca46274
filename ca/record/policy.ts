import { createHash } from 'node:crypto'
import { printPrefix } from '../../config/address.ts'
import type { CaConfig, IssueRule } from '../../config/ca-schema.ts'
import { printName } from '../../dns/name.ts'
import type { RecordStore } from '../store/record.ts'

/** Puts rules and profiles into the record where they are not those that it was told last. */
export async function notePolicy(
  store: Pick<RecordStore, 'append' | 'latestPolicy'>,
  config: Pick<CaConfig, 'issue' | 'reserved' | 'profiles' | 'issuers'>,
  at: number,
): Promise<void> {
  const policy = {
    issue: config.issue.map(describe),
    reserved: config.reserved.map(({ text }) => text),
    profiles: config.profiles,
    issuers: config.issuers.map(({ name, issue, profiles }) => ({
      name,
      ...(issue && { issue: issue.map(describe) }),
      ...(profiles && { profiles }),
    })),
  }
  const digest = createHash('sha256').update(JSON.stringify(policy)).digest('hex')
  if ((await store.latestPolicy()) === digest) return
  await store.append({ kind: 'policy', at, digest, ...policy })
}

/** As the operator wrote it. */
function describe({ names, addresses, key, ...rest }: IssueRule): object {
  return {
    names: names.map(({ text }) => text),
    ...(addresses.length > 0 && { addresses: addresses.map(printPrefix) }),
    ...(key && { key: printName(key) }),
    ...rest,
  }
}
