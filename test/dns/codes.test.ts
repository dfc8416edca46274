import t from 'tap'
import { classCode, className, opcodeName, Rcode, rcodeName } from '../../dns/codes.ts'
import { RcodeError, unreachable } from '../../dns/errors.ts'

t.test('names of codes', async t => {
  t.strictSame([rcodeName(3), rcodeName(23), rcodeName(77)], ['NXDOMAIN', 'BADCOOKIE', 'RCODE77'])
  t.strictSame([opcodeName(5), opcodeName(9)], ['UPDATE', 'OPCODE9'])
  t.strictSame([className(1), className(254), className(77)], ['IN', 'NONE', 'CLASS77'], 'RFC 3597 §5')
  t.strictSame(['in', 'CLASS1', 'class65535', 'CLASS65536', 'toString', ''].map(classCode), [
    1,
    1,
    65535,
    undefined,
    undefined,
    undefined,
  ])
})

t.test('errors', async t => {
  t.equal(new RcodeError(Rcode.REFUSED, 'not for you').describe(), 'REFUSED: not for you')
  t.throws(() => unreachable('x' as never), { message: 'unreachable: "x"' })
})
