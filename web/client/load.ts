import { useEffect, useState } from 'preact/hooks'
import { Problem } from './api.ts'

/** Something that is asked for: what came, or why nothing did; both undefined while it is on its way. */
export interface Loaded<Data> {
  data: Data | undefined
  problem: Problem | undefined
  reload: () => void
}

/** Asks whenever one of `inputs` changes; what came before stays until the new is there. */
export function useLoad<Data>(ask: () => Promise<Data>, inputs: readonly unknown[]): Loaded<Data> {
  const [state, setState] = useState<Omit<Loaded<Data>, 'reload'>>({ data: undefined, problem: undefined })
  const [turn, setTurn] = useState(0)
  useEffect(() => {
    let wanted = true
    ask().then(
      data => wanted && setState({ data, problem: undefined }),
      (error: unknown) => wanted && setState({ data: undefined, problem: asProblem(error) }),
    )
    return () => {
      wanted = false
    }
  }, [...inputs, turn])
  return { ...state, reload: () => setTurn(turn + 1) }
}

/** Milliseconds without a key before what was typed is looked at. */
const PAUSE = 250

/** The value once it has not changed for a moment. */
export function useSettled<Value>(value: Value): Value {
  const [settled, settle] = useState(value)
  useEffect(() => {
    const timer = setTimeout(() => settle(value), PAUSE)
    return () => clearTimeout(timer)
  }, [value])
  return settled
}

export function asProblem(error: unknown): Problem {
  return error instanceof Problem ? error : new Problem(0, error instanceof Error ? error.message : String(error))
}
