import {
  type Compilable,
  type CompiledQuery,
  DummyDriver,
  Kysely,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from 'kysely'
import type { Statement } from './database.ts'

/** Builds and compiles queries on these tables; a Database executes them. */
export function createCompiler<Tables>(): Kysely<Tables> {
  return new Kysely<Tables>({
    dialect: {
      createAdapter: () => new SqliteAdapter(),
      createDriver: () => new DummyDriver(),
      createIntrospector: db => new SqliteIntrospector(db),
      createQueryCompiler: () => new TemplateCompiler(),
    },
  })
}

/** The statement of a query; with `changes` the commit holds only where exactly so many rows change. */
export function statement(query: Compilable<unknown>, changes?: number): Statement {
  const { sql, parameters } = query.compile()
  return changes === undefined ? { sql, parameters } : { sql, parameters, changes }
}

/** Stands for a value in a query that is compiled once. */
class Mark {
  readonly name: string
  constructor(name: string) {
    this.name = name
  }
}

/**
 * Writes the constants of a query with marks into its text. As parameters they would be looked at by SQLite's planner, which asks whether they
 * fit the condition of a partial index, and has a statement compiled anew each time other values are bound to it.
 */
class TemplateCompiler extends SqliteQueryCompiler {
  private hasMarks = false

  override compileQuery(...query: Parameters<SqliteQueryCompiler['compileQuery']>): CompiledQuery {
    const compiled = super.compileQuery(...query)
    if (!compiled.parameters.some(one => one instanceof Mark)) return compiled
    this.hasMarks = true
    try {
      return super.compileQuery(...query)
    } finally {
      this.hasMarks = false
    }
  }

  protected override appendValue(value: unknown): void {
    if (this.hasMarks && ['string', 'number'].includes(typeof value)) this.appendImmediateValue(value)
    else super.appendValue(value)
  }
}

/**
 * A query compiled once, at its first use, and filled in with values each time: compiling takes longer than executing. `build` uses the properties of
 * its argument as the query's parameters, and computes nothing with them.
 */
export function prepared<Values extends object>(
  build: (values: Values) => Compilable<unknown>,
  changes?: number,
): (values: Values) => Statement {
  let compiled: Pick<Statement, 'sql' | 'parameters'> | undefined
  return values => {
    compiled ??= build(marksFor<Values>()).compile()
    const parameters = compiled.parameters.map(one => (one instanceof Mark ? values[one.name as keyof Values] : one))
    return changes === undefined ? { sql: compiled.sql, parameters } : { sql: compiled.sql, parameters, changes }
  }
}

/** Has a mark for every property that is asked of it. */
function marksFor<Values extends object>(): Values {
  return new Proxy({} as Values, { get: (_, name) => new Mark(String(name)) })
}
