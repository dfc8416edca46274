/** Gives each view a place in which its answers are counted, the same over reloads, so that counters never change hands. */
export class ViewSlots {
  /** By slot; grows alone. */
  readonly names: string[] = []

  /** The slot of the view of this name. */
  of(name: string): number {
    const known = this.names.indexOf(name)
    return known < 0 ? this.names.push(name) - 1 : known
  }
}
