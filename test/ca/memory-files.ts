import type { CaFiles } from '../../ca/hierarchy/files.ts'

/** How a write fails: nothing is kept, or everything is but nobody hears of it. */
export type Fault = 'write lost' | 'reply lost'

/** A CA folder in memory. The write numbered `fault.at` (from 1) fails, and all later ones do: the process is dead. */
export function memoryFiles(kept = new Map<string, string>()) {
  let fault: { at: number; kind: Fault } | undefined
  let writes = 0
  const put = async (name: string, text: string) => {
    writes++
    const dead = fault && writes >= fault.at
    if (!dead || (writes === fault?.at && fault.kind === 'reply lost')) kept.set(name, text)
    if (dead) throw new Error('power cut')
  }
  const files: CaFiles = {
    read: async name => kept.get(name),
    async create(name, text) {
      if (kept.has(name)) throw new Error(`${name} is there already`)
      await put(name, text)
    },
    replace: put,
    list: async () => [...kept.keys()],
    isExposed: async () => false,
  }
  return {
    files,
    kept,
    writes: () => writes,
    failAt(at: number, kind: Fault) {
      fault = { at, kind }
    },
  }
}
