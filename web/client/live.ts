import { useEffect, useState } from 'preact/hooks'
import type { QueryLine, Sample, Situation } from '../../cli/replies.ts'

/** What goes on, as it is told: samples of the last half hour, and the situation. */
export interface Live {
  connected: boolean
  samples: Sample[]
  situation: Situation | undefined
}

const MOST_SAMPLES = 360
const EVENTS = '/api/v1/events'

/** Follows what goes on; the browser connects again by itself where the connection is lost. */
export function useLive(wanted: boolean): Live {
  const [live, set] = useState<Live>({ connected: false, samples: [], situation: undefined })
  useEffect(() => {
    if (!wanted) return
    const source = new EventSource(EVENTS)
    const on = <Data>(event: string, take: (data: Data, before: Live) => Partial<Live>) =>
      source.addEventListener(event, ({ data }: MessageEvent<string>) =>
        set(before => ({ ...before, connected: true, ...take(JSON.parse(data) as Data, before) })),
      )
    on<{ samples: Sample[] }>('history', ({ samples }) => ({ samples }))
    on<Sample>('sample', (sample, { samples }) => ({ samples: [...samples, sample].slice(-MOST_SAMPLES) }))
    on<Situation>('situation', situation => ({ situation }))
    source.onerror = () => set(before => ({ ...before, connected: false }))
    return () => source.close()
  }, [wanted])
  return live
}

/** Answered queries that came at once, and how many more there were. */
export interface SeenQueries {
  at: string
  lines: QueryLine[]
  skipped: number
}

/** Calls `take` with answered queries as they come, while `wanted`. */
export function useQueries(wanted: boolean, take: (seen: SeenQueries) => void): void {
  useEffect(() => {
    if (!wanted) return
    const source = new EventSource(`${EVENTS}?queries=true`)
    source.addEventListener('queries', ({ data }: MessageEvent<string>) => take(JSON.parse(data) as SeenQueries))
    return () => source.close()
  }, [wanted])
}
