import { type Place, placeOf, type Source } from './source.ts'

/** A key that the contract names and whose capability is not here yet. */
export interface NotYet {
  /** Where it stands; "[]" is every item of a list, "{}" every value of a map. */
  path: string
  /** What the daemon does not do. */
  lacking: string
  /** Which of its written values are meant; left out: all but false, `off`, 0 and empty ones. */
  values?: readonly string[]
}

/** Every key that is accepted but not served. `check` prints a warning for each, `serve` logs one: nothing is ignored silently. */
export const NOT_YET: readonly NotYet[] = [{ path: 'database.postgres', lacking: 'state is kept in SQLite' }]

/** Calls `report` for every key of the document that is accepted but not served. */
export function reportNotYet(document: Source, report: (at: Place, message: string) => void): void {
  for (const one of NOT_YET) {
    const steps = one.path.match(/[^.[\]{}]+|\[\]|\{\}/g)!
    for (const path of pathsTo(document, steps)) {
      if (!isMeant(valueAt(document, path), one.values)) continue
      report(placeOf(document, path), `${printPath(path)} is accepted but not served yet: ${one.lacking}`)
    }
  }
}

type Path = (string | number)[]

function pathsTo(source: Source, steps: readonly string[]): Path[] {
  const [step, ...rest] = steps
  if (step === undefined) return [[]]
  return childrenOf(source, step).flatMap(([key, child]) => pathsTo(child, rest).map(path => [key, ...path]))
}

function childrenOf(source: Source, step: string): [string | number, Source][] {
  if (step === '[]') return source.kind === 'list' ? source.items.map((item, i) => [i, item]) : []
  if (source.kind !== 'map') return []
  if (step === '{}') return [...source.entries].map(([key, { value }]) => [key, value])
  const entry = source.entries.get(step)
  return entry ? [[step, entry.value]] : []
}

function valueAt(source: Source, path: Path): Source {
  return path.reduce<Source>(
    (at, step) => childrenOf(at, typeof step === 'number' ? '[]' : step).find(([key]) => key === step)![1],
    source,
  )
}

const OFF: readonly unknown[] = [false, 0, null, '', 'off']

function isMeant(source: Source, values: readonly string[] | undefined): boolean {
  if (source.kind === 'list') return !values && source.items.length > 0
  if (source.kind === 'map') return !values && source.entries.size > 0
  return values ? values.includes(String(source.value)) : !OFF.includes(source.value)
}

function printPath(path: Path): string {
  return path
    .map(step => (typeof step === 'number' ? `[${step}]` : `.${step}`))
    .join('')
    .slice(1)
}
