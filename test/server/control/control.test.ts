import { statSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { CaCommandError } from '../../../ca/command.ts'
import { silentLog } from '../../../host/log.ts'
import { type Command, CommandError, listenControl } from '../../../server/control/control.ts'
import { scratchFolder } from '../../scratch.ts'

const COMMANDS: Record<string, Command> = {
  echo: args => args,
  slow: async (_args, progress) => {
    progress(1)
    progress(2)
    return 'done'
  },
  wrong: () => {
    throw new CommandError(['a', 'b'], 2)
  },
  'ca.wrong': () => {
    throw new CaCommandError('c')
  },
  broken: () => {
    throw new Error('unforeseen')
  },
}

async function open(t: Test) {
  const folder = scratchFolder(t)
  const path = join(folder, 'control.sock')
  const server = await listenControl(path, COMMANDS, silentLog)
  t.teardown(() => void server.close())
  return path
}

/** All lines that the daemon answers to `text`. */
function ask(path: string, text: string): Promise<unknown[]> {
  return new Promise((resolve, reject) => {
    let got = ''
    const socket = connect(path).setEncoding('utf8')
    socket.on('data', chunk => (got += chunk)).on('error', reject)
    socket.on('end', () =>
      resolve(
        got
          .trim()
          .split('\n')
          .map(line => JSON.parse(line)),
      ),
    )
    socket.end(text)
  })
}

t.test('only the owner may open the socket', async t => {
  t.equal(statSync(await open(t)).mode & 0o777, 0o600)
})

t.test('requests are answered in order, progress first', async t => {
  const path = await open(t)
  t.strictSame(await ask(path, '{"command":"slow"}\n{"command":"echo","args":{"a":1}}\n'), [
    { progress: 1 },
    { progress: 2 },
    { ok: true, result: 'done' },
    { ok: true, result: { a: 1 } },
  ])
})

for (const [what, line, errors] of [
  ['an unknown command', '{"command":"nope"}', 'this daemon knows no command "nope"'],
  ['a name every object has', '{"command":"constructor"}', 'this daemon knows no command "constructor"'],
  ['no JSON', 'hello', 'the request is not JSON'],
  ['no command', 'null', 'the request names no command'],
] as const)
  t.test(`${what} is refused`, async t => {
    t.strictSame(await ask(await open(t), `${line}\n`), [{ ok: false, exit: 2, errors: [errors] }])
  })

t.test('a failure keeps its exit code; the unforeseen is exit 1', async t => {
  const path = await open(t)
  t.strictSame(await ask(path, '{"command":"wrong"}\n{"command":"ca.wrong"}\n{"command":"broken"}\n'), [
    { ok: false, exit: 2, errors: ['a', 'b'] },
    { ok: false, exit: 2, errors: ['c'] },
    { ok: false, exit: 1, errors: ['unforeseen'] },
  ])
})

t.test('a second daemon on the same data directory is refused', async t => {
  const path = await open(t)
  await t.rejects(listenControl(path, COMMANDS, silentLog), /another namestead already runs/)
})
