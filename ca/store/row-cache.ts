/** Rows kept of each kind: those of the orders that are under way. */
const KEPT = 500

/**
 * Rows that were read or written a moment ago: the requests of one order look at the same ones again and again. Whoever changes a row says
 * so here, before and after; only one process writes these tables.
 */
export class RowCache<Row> {
  /** By key, the oldest first. */
  private readonly rows = new Map<string, Row>()
  /** What is being read: of what changes meanwhile, the row that comes is not kept. */
  private readonly readings = new Set<{ key: string; outdated: boolean }>()

  /** The row, read where it is not known. */
  async get(key: string, read: () => Promise<Row | undefined>): Promise<Row | undefined> {
    const known = this.rows.get(key)
    if (known !== undefined) return known
    const reading = { key, outdated: false }
    this.readings.add(reading)
    const row = await read().finally(() => this.readings.delete(reading))
    if (row !== undefined && !reading.outdated) this.keep(key, row)
    return row
  }

  /** Forgets rows. */
  forget(...keys: readonly string[]): void {
    for (const reading of this.readings) if (keys.includes(reading.key)) reading.outdated = true
    for (const key of keys) this.rows.delete(key)
  }

  /** Forgets the rows of which this holds. */
  forgetWhere(holds: (row: Row) => boolean): void {
    // What is being read may be one of them.
    for (const reading of this.readings) reading.outdated = true
    this.forget(...[...this.rows].filter(([, row]) => holds(row)).map(([key]) => key))
  }

  /** Forgets all. */
  clear(): void {
    this.forgetWhere(() => true)
  }

  /** Commits a change of a row; what `changed` makes of it counts where the row was known. Where the commit fails nobody knows what it is. */
  async change(key: string, commit: () => Promise<unknown>, changed?: (row: Row) => Row): Promise<void> {
    const before = this.rows.get(key)
    this.forget(key)
    await commit().finally(() => this.forget(key))
    if (before !== undefined && changed) this.keep(key, changed(before))
  }

  /** Takes over what a commit has made of a row, where it is known. */
  update(key: string, changed: (row: Row) => Row): void {
    const before = this.rows.get(key)
    this.forget(key)
    if (before !== undefined) this.keep(key, changed(before))
  }

  /** Remembers a row as it is on disk. */
  keep(key: string, row: Row): void {
    this.rows.set(key, row)
    if (this.rows.size > KEPT) this.rows.delete(this.rows.keys().next().value!)
  }
}
