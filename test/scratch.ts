import { mkdtempSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'

/** A new folder with a short path, for a socket in it may be no longer than 107 octets; gone after the test. */
export function scratchFolder(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'namestead-'))
  t.teardown(() => removeFolder(folder))
  return folder
}

/** Removes a folder in which a process or thread that was just ended may still have made a file. */
export function removeFolder(folder: string): Promise<void> {
  return rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 20 })
}
