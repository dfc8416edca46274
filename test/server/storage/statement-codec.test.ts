import t from 'tap'
import {
  OperationDecoder,
  OperationEncoder,
  packResults,
  requireEncodable,
  unpackResults,
} from '../../../server/storage/statement-codec.ts'

const statement = (sql: string, parameters: unknown[], changes?: number) => ({
  sql,
  parameters,
  ...(changes !== undefined && { changes }),
})

t.test('operations cross as they were, whatever their parameters', async t => {
  const [encoder, decoder] = [new OperationEncoder(), new OperationDecoder()]
  const parameters = [null, 0, -1.5, 2 ** 53 - 1, '', 'größer ✓', new Uint8Array(), Uint8Array.of(0, 255)]
  const operations = [
    { id: 7, operation: { kind: 'commit' as const, statements: [statement('A', parameters, 0), statement('B', [])] } },
    {
      id: 2 ** 40,
      operation: { kind: 'read' as const, statements: [statement('A', [new Uint8Array(200_000).fill(9)])] },
    },
  ]
  for (const turn of ['first', 'second']) {
    const batch = encoder.encode(operations)
    t.strictSame(batch.texts, turn === 'first' ? ['A', 'B'] : [], 'a text is sent once')
    t.same(plain(decoder.decode(structuredClone(batch))), plain(operations), turn)
  }
})

t.test('true, false and undefined become what SQLite has for them', async t => {
  const operation = { kind: 'read' as const, statements: [statement('A', [true, false, undefined])] }
  const [decoded] = new OperationDecoder().decode(new OperationEncoder().encode([{ id: 1, operation }]))
  t.strictSame(decoded!.operation.statements[0]!.parameters, [1, 0, null])
})

t.test('texts without end are forgotten at both ends', async t => {
  const [encoder, decoder] = [new OperationEncoder(), new OperationDecoder()]
  for (let i = 0; i < 2000; i++) {
    const sql = `SELECT ${i}`
    const batch = encoder.encode([{ id: i, operation: { kind: 'read', statements: [statement(sql, [])] } }])
    t.ok(batch.known <= 500)
    if (decoder.decode(batch)[0]!.operation.statements[0]!.sql !== sql) t.fail(sql)
  }
})

t.test('what no statement can be given is refused before it is sent', async t => {
  for (const value of [1n, {}, [], () => {}, Symbol('x')]) t.throws(() => requireEncodable(value), /is no parameter/)
})

t.test('results without rows are their number of changes', async t => {
  const results = [
    { rows: [], changes: 3 },
    { rows: [{ a: 1 }], changes: 0 },
  ]
  t.strictSame(packResults(results), [3, results[1]])
  t.strictSame(unpackResults(packResults(results)), results)
})

/** Buffers and octets alike as lists. */
function plain(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value, (_, one) =>
      one?.type === 'Buffer' ? one.data : ArrayBuffer.isView(one) ? [...(one as Uint8Array)] : one,
    ),
  )
}
