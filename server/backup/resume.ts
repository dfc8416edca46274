import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { printName } from '../../dns/name.ts'
import type { Log } from '../../host/log.ts'
import { leapSerial } from '../../zones/write/leap.ts'
import { isSecondary, type Zones } from '../zones/zones.ts'

/** Says that the data directory was restored and not started since. */
export const LEAP_FILE = 'restored.json'

/** At the first start after a restore: every zone that is changed here gets a serial beyond all that it had before the loss. */
export async function resumeAfterRestore(dataDir: string, zones: Zones, log: Log): Promise<void> {
  const file = join(dataDir, LEAP_FILE)
  if ((await readFile(file).catch(() => undefined)) === undefined) return
  for (const zone of zones) {
    if (isSecondary(zone) || zone.overlay || !zone.pipeline) continue
    const { version } = await zone.write({ key: undefined, source: 'restore' }, leapSerial)
    log.info(
      { zone: printName(zone.origin), view: zone.view, serial: version.serial() },
      'serial raised after a restore',
    )
  }
  await rm(file)
}
