import { type Compilable, DummyDriver, Kysely, SqliteAdapter, SqliteIntrospector, SqliteQueryCompiler } from 'kysely'
import type { Statement } from './database.ts'

/** Builds and compiles queries on these tables; a Database executes them. */
export function createCompiler<Tables>(): Kysely<Tables> {
  return new Kysely<Tables>({
    dialect: {
      createAdapter: () => new SqliteAdapter(),
      createDriver: () => new DummyDriver(),
      createIntrospector: db => new SqliteIntrospector(db),
      createQueryCompiler: () => new SqliteQueryCompiler(),
    },
  })
}

/** The statement of a query; with `changes` the commit holds only where exactly so many rows change. */
export function statement(query: Compilable<unknown>, changes?: number): Statement {
  const { sql, parameters } = query.compile()
  return changes === undefined ? { sql, parameters } : { sql, parameters, changes }
}
