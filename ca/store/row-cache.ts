/** Rows kept of each kind: those of the orders that are under way. */
const KEPT = 500

/**
 * Rows that were read or written a moment ago: the requests of one order look at the same ones again and again. Whoever changes a row says
 * so here, before and after; only one process writes these tables.
 */
export class RowCache<Row> {
  /** By key, the oldest first. */
  private readonly rows = new Map<string, Row>()
  /** Grows with every change: what was read across one is not kept. */
  private changes = 0

  /** The row, read where it is not known. */
  async get(key: string, read: () => Promise<Row | undefined>): Promise<Row | undefined> {
    const known = this.rows.get(key)
    if (known !== undefined) return known
    const begun = this.changes
    const row = await read()
    if (row !== undefined && begun === this.changes) this.keep(key, row)
    return row
  }

  /** Forgets rows. */
  forget(...keys: readonly string[]): void {
    this.changes++
    for (const key of keys) this.rows.delete(key)
  }

  /** Forgets the rows of which this holds. */
  forgetWhere(holds: (row: Row) => boolean): void {
    this.forget(...[...this.rows].filter(([, row]) => holds(row)).map(([key]) => key))
  }

  /** Forgets all. */
  clear(): void {
    this.changes++
    this.rows.clear()
  }

  /** Commits a change of a row; what `changed` makes of it counts where the row was known. Where the commit fails nobody knows what it is. */
  async change(key: string, commit: () => Promise<unknown>, changed?: (row: Row) => Row): Promise<void> {
    const before = this.rows.get(key)
    this.forget(key)
    await commit().finally(() => this.forget(key))
    if (before !== undefined && changed) this.keep(key, changed(before))
  }

  /** Remembers a row as it is on disk. */
  keep(key: string, row: Row): void {
    this.rows.set(key, row)
    if (this.rows.size > KEPT) this.rows.delete(this.rows.keys().next().value!)
  }
}
