import t from 'tap'
import { createCompiler, prepared, statement } from '../../host/sql.ts'

const sql = createCompiler<{ things: { id: string; state: string; size: number; note: string | null } }>()

t.test('a prepared query is filled in with values, and keeps its constants in its text', async t => {
  const query = prepared<{ id: string; note: string | null }>(({ id, note }) => {
    const update = sql.updateTable('things').set({ state: "it's done", note, size: 2 })
    return update.where('id', '=', id).where('state', 'in', ['new', 'open'])
  }, 1)
  t.strictSame(query({ id: 'a', note: null }), {
    sql: `update "things" set "state" = 'it''s done', "note" = ?, "size" = 2 where "id" = ? and "state" in ('new', 'open')`,
    parameters: [null, 'a'],
    changes: 1,
  })
  t.strictSame(query({ id: 'b', note: "'" }).parameters, ["'", 'b'])
})

t.test('a query that is compiled each time has all values as parameters', async t => {
  t.strictSame(statement(sql.deleteFrom('things').where('state', '=', "it's done")), {
    sql: 'delete from "things" where "state" = ?',
    parameters: ["it's done"],
  })
})
