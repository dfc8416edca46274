import type { HandedRequest } from './messages.ts'
import type { Place } from './place.ts'

/** Requests handed to threads at once. */
const MOST = 4096

/** DoH requests that main has received itself and that threads answer, in turns. */
export class HandedRequests {
  private readonly places: readonly Place[]
  private readonly waiting = new Map<number, { place: Place; resolve: (wire: Uint8Array | undefined) => void }>()
  private lastId = 0

  constructor(places: readonly Place[]) {
    this.places = places
  }

  /** The answer; undefined where there is none. */
  hand(request: Omit<HandedRequest, 'kind' | 'id' | 'transport'>): Promise<Uint8Array | undefined> {
    const id = ++this.lastId
    const living = this.places.filter(({ thread }) => thread)
    const place = living[id % living.length]
    if (!place || this.waiting.size >= MOST) return Promise.resolve(undefined)
    return new Promise(resolve => {
      this.waiting.set(id, { place, resolve })
      place.thread!.postMessage({ kind: 'request', id, transport: 'https', ...request })
    })
  }

  answered(id: number, wire: Uint8Array | undefined): void {
    this.waiting.get(id)?.resolve(wire)
    this.waiting.delete(id)
  }

  /** The place's thread answers no more. */
  abandon(place: Place): void {
    for (const [id, call] of this.waiting) {
      if (call.place !== place) continue
      this.waiting.delete(id)
      call.resolve(undefined)
    }
  }
}
