/** A line of a scenario that begins with a keyword, and the lines indented below it. */
export interface Statement {
  keyword: string
  words: string[]
  lines: string[]
  /** Of the file, from 1. */
  line: number
}

/** A behaviour, and what is done to see it. */
export interface Scenario {
  sentence: string
  /** Published scenarios, of Deckard or unbound, that hold the same behaviour. */
  like: string[]
  statements: Statement[]
}

/** Scenarios with a setting in common. */
export interface ScenarioFile {
  title: string
  setting: Statement[]
  scenarios: Scenario[]
}

/**
 * Reads a file of scenarios: its title as a comment, statements that set the stage for all, and from each `SCENARIO` on those of one. The statements
 * are listed in README.md beside this file.
 */
export function readScenarios(text: string): ScenarioFile {
  const file: ScenarioFile = { title: '', setting: [], scenarios: [] }
  let statement: Statement | undefined
  for (const [i, raw] of text.split('\n').entries()) {
    const content = raw.trim()
    if (content === '') continue
    if (content.startsWith('#')) {
      file.title ||= content.slice(1).trim()
      continue
    }
    if (raw.startsWith(' ')) {
      if (!statement) throw new Error(`line ${i + 1}: nothing that it could belong to`)
      statement.lines.push(content)
      continue
    }
    const [keyword = '', ...words] = content.split(/ +/)
    statement = { keyword, words, lines: [], line: i + 1 }
    take(file, statement, content)
  }
  return file
}

function take(file: ScenarioFile, statement: Statement, content: string): void {
  const scenario = file.scenarios.at(-1)
  if (statement.keyword === 'SCENARIO')
    file.scenarios.push({ sentence: content.slice('SCENARIO '.length), like: [], statements: [] })
  else if (statement.keyword === 'LIKE' && scenario) scenario.like.push(...statement.words)
  else (scenario?.statements ?? file.setting).push(statement)
}

/** The words of the form `key=value`; a word without a value stands for itself. */
export function optionsOf(words: readonly string[]): Map<string, string> {
  return new Map(
    words.map(word => {
      const at = word.indexOf('=')
      return at < 0 ? [word, ''] : [word.slice(0, at), word.slice(at + 1)]
    }),
  )
}
