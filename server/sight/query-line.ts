/** Where an answer came from. */
export type AnswerSource = 'zones' | 'answer cache' | 'cache' | 'upstream' | 'stale' | 'local'

/** An answered query as the query log and whoever watches has it. */
export interface QueryLine {
  client: string
  transport: string
  view?: string
  name: string
  type: string
  rcode: string
  from: AnswerSource
  /** Milliseconds that the answer took. */
  ms: number
  rule?: string
  upstream?: string
  security?: string
  policy?: string
  ede?: number
}
