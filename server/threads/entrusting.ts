import type { TakeWhole } from '../listen/entrust.ts'
import type { ToMain } from './messages.ts'

/** The connections that a serving thread has entrusted to main, until main says that they have closed. */
export class Entrusting {
  private readonly post: (message: ToMain) => void
  private readonly open = new Map<number, () => void>()
  private lastId = 0

  constructor(post: (message: ToMain) => void) {
    this.post = post
  }

  readonly take: TakeWhole = (fd, read, closed) => {
    const id = ++this.lastId
    this.open.set(id, closed)
    this.post({ kind: 'entrusted', id, fd, read })
  }

  closed(id: number): void {
    this.open.get(id)?.()
    this.open.delete(id)
  }
}
