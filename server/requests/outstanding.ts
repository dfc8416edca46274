import type { Client } from '../listen/client.ts'

/** Requests whose answers are being waited for; a thread that stops lets them end. */
export class Outstanding {
  count = 0
  private waiting: (() => void)[] = []

  begin(): void {
    this.count++
  }

  /** The request is answered, or will not be. */
  end(client: Client): void {
    client.finish()
    if (--this.count === 0) for (const resolve of this.waiting.splice(0)) resolve()
  }

  /** Resolves once nothing is outstanding. */
  idle(): Promise<void> {
    return this.count === 0 ? Promise.resolve() : new Promise(resolve => this.waiting.push(resolve))
  }
}
