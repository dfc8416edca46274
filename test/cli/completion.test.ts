import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { createProgram } from '../../cli/main.ts'
import { processTerminal } from '../../cli/terminal.ts'
import { run, without } from '../interop/tools.ts'
import { scratchFolder } from '../scratch.ts'
import { type } from './session.ts'

t.test('bash completes commands, inner commands and options', { skip: without('bash') }, async t => {
  const script = join(scratchFolder(t), 'completion')
  writeFileSync(script, (await type('/', ['completion', 'bash'])).out)
  const complete = async (...words: string[]) => {
    const line = `source ${script}; COMP_WORDS=(namestead ${words.map(word => `'${word}'`).join(' ')}); COMP_CWORD=${words.length}; _namestead; printf '%s\\n' "\${COMPREPLY[@]}"`
    const { stdout, stderr } = await run('bash', ['-c', line])
    t.equal(stderr, '')
    return stdout.split('\n').filter(Boolean)
  }
  t.strictSame(await complete('tok'), ['token'])
  t.strictSame(await complete('zone', 'rev'), ['revert'])
  t.ok((await complete('zone', 'history', '--l')).includes('--limit'))
  t.ok((await complete('restore', '--re')).includes('--rehearse'))
  t.strictSame(await complete('completion', 'zs'), ['zsh'])
})

t.test('zsh and fish have scripts of their own', async t => {
  t.match((await type('/', ['completion', 'zsh'])).out, /bashcompinit/)
  t.match(
    (await type('/', ['completion', 'fish'])).out,
    /complete -c namestead -f -n 'true|complete -c namestead -f -n 'not/,
  )
  t.equal((await type('/', ['completion', 'csh'])).exit, 2)
})

t.test('every command and option is in the manual page', async t => {
  const printed = (await type('/', ['man'])).out
  const page = printed.replaceAll('\\-', '-')
  for (const command of (await createProgram(processTerminal())).commands)
    for (const inner of command.commands.length > 0 ? command.commands : [command]) {
      if (inner.commands.length > 0) continue
      for (const option of inner.options) t.ok(page.includes(option.flags), `${inner.name()} ${option.flags}`)
    }
  const { status, stderr } = await run(
    'sh',
    ['-c', 'command -v groff >/dev/null || exit 0; groff -man -Tutf8 -ww -z'],
    { input: page },
  )
  t.strictSame([status, stderr], [0, ''])
})
