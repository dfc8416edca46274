import { type Name, parseName, printName } from '../../dns/name.ts'
import { parseRdataText, printRdata, Type } from '../../dns/types.ts'
import type { Log } from '../../host/log.ts'
import type { KeyState, TrackedKey } from '../../resolver/validate/rollover.ts'

/** A folder of small files, each whole or absent. */
export interface TrustFiles {
  read(name: string): Promise<string | undefined>
  replace(name: string, text: string, mode: number): Promise<void>
}

/** What is kept of trust between starts. */
export interface TrustState {
  /** The root's configured anchors, in text: the keys below were found with these. */
  configured: string[]
  /** The root's keys (RFC 5011). */
  keys: TrackedKey[]
  /** Negative anchors that a command has made; `until` in milliseconds since 1970. */
  negative: { zone: Name; until: number; why?: string }[]
}

/** The same as it lies in the file. */
interface Written {
  configured: string[]
  keys: { dnskey: string; state: KeyState; since: string }[]
  negative: { zone: string; until: string; why?: string }[]
}

const FILE = 'trust.json'
const NOTHING: TrustState = { configured: [], keys: [], negative: [] }

/** What was kept; nothing where there is no file, or none that can be read: the configured anchors are begun with again. */
export async function readTrustState(files: TrustFiles, log: Log): Promise<TrustState> {
  const text = await files.read(FILE)
  if (text === undefined) return NOTHING
  try {
    return fromWritten(JSON.parse(text))
  } catch (error) {
    log.error(
      { file: FILE, error: (error as Error).message },
      'what was kept of trust anchors is not readable and is begun anew',
    )
    return NOTHING
  }
}

function fromWritten({ configured, keys, negative }: Written): TrustState {
  return {
    configured,
    keys: keys.map(({ dnskey, state, since }) => ({
      ...{ dnskey: parseRdataText(Type.DNSKEY, dnskey), state },
      since: Date.parse(since),
    })),
    negative: negative.map(({ zone, until, ...rest }) => ({
      zone: parseName(zone),
      until: Date.parse(until),
      ...rest,
    })),
  }
}

/** Survives a power cut once it resolves. */
export async function writeTrustState(files: TrustFiles, { configured, keys, negative }: TrustState): Promise<void> {
  const written: Written = {
    configured,
    keys: keys.map(({ dnskey, state, since }) => ({
      ...{ dnskey: printRdata(Type.DNSKEY, dnskey), state },
      since: new Date(since).toISOString(),
    })),
    negative: negative.map(({ zone, until, ...rest }) => ({
      ...{ zone: printName(zone), until: new Date(until).toISOString() },
      ...rest,
    })),
  }
  await files.replace(FILE, `${JSON.stringify(written, undefined, 2)}\n`, 0o600)
}
