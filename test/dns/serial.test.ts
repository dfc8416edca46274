import t from 'tap'
import { serialAfter, serialGreater } from '../../dns/serial.ts'

t.test('RFC 1982 §3.2 and §5.2', async t => {
  const rows: [a: number, b: number, greater: boolean][] = [
    [1, 0, true],
    [44, 0, true],
    [0x7fffffff, 0, true],
    [0x80000000, 0, false],
    [0, 0x80000000, false],
    [0x80000001, 0, false],
    [0, 0x80000001, true],
    [0, 0xffffffff, true],
    [0xffffffff, 0, false],
    [7, 7, false],
  ]
  for (const [a, b, greater] of rows) t.equal(serialGreater(a, b), greater, `${a} ${greater ? '>' : 'not >'} ${b}`)
})

t.test('RFC 1982 §3.1', async t => {
  t.equal(serialAfter(1), 2)
  t.equal(serialAfter(0xffffffff), 1, 'zero is passed over')
  t.equal(serialAfter(0xfffffff0, 0x20), 0x10)
})
