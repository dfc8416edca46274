import type { Test } from 'tap'
import { Ede, rcodeName } from '../../../dns/codes.ts'
import type { Told } from '../world.ts'
import type { Scenario, Statement } from './language.ts'
import { alteredSaying, scriptedSaying } from './sayings.ts'
import { buildStage, isSetting, type Stage } from './stage.ts'

/** Plays a scenario from an empty cache on; `setting` is what its file has in common. */
export async function play(t: Test, { statements, sentence }: Scenario, setting: readonly Statement[]): Promise<void> {
  const stage = buildStage([...setting, ...statements.filter(isSetting)])
  for (const step of [...setting, ...statements]) {
    if (isSetting(step)) continue
    try {
      await perform(t, stage, step)
    } catch (error) {
      throw new Error(`${sentence}, line ${step.line}`, { cause: error })
    }
  }
  stage.world.resolver.close()
}

async function perform(t: Test, stage: Stage, step: Statement): Promise<void> {
  const { world, upstreams } = stage
  const { keyword, words } = step
  switch (keyword) {
    case 'SAY':
      return void upstreams.scripts.push(scriptedSaying(step))
    case 'ALTER':
      return void upstreams.scripts.push(alteredSaying(step))
    case 'HONEST':
      upstreams.scripts.length = 0
      return
    case 'SERVER':
      return words.forEach(address => void upstreams.serve(address))
    case 'SILENT':
    case 'REFUSING':
    case 'UP':
      for (const address of words) world.network.condition(`${address}:53`, keyword.toLowerCase() as 'up')
      return
    case 'WAIT':
      await world.clock.advance(Number(words[0]) * 1000)
      return void upstreams.takeAsked()
    case 'FORGET':
      return world.resolver.forget()
    case 'ASK':
      return ask(t, stage, step)
    default:
      throw new Error(`no such statement: ${keyword}`)
  }
}

/** "ASK name TYPE [do] [cd]", and what is expected: the outcome, then records and more, one a line. */
async function ask(t: Test, { world, upstreams }: Stage, { words, lines, line }: Statement): Promise<void> {
  upstreams.takeAsked()
  const [name, type, ...flags] = words as [string, string, ...string[]]
  const told = await world.ask(name, type, {
    ...{ dnssecOk: flags.includes('do'), checkingDisabled: flags.includes('cd') },
  })
  const asked = upstreams.takeAsked()
  const [outcome = '', ...facts] = lines
  const what = `line ${line}: ${name} ${type}`
  t.same(describe(told, outcome), outcome.split(' '), `${what}: ${told.text ?? ''}`)
  const records = facts.filter(fact => fact === 'no answer' || /^\S+ \d+ [A-Z]/.test(fact))
  if (records.length > 0)
    t.same(
      told.answer.flatMap(plain),
      records.filter(one => one !== 'no answer'),
      what,
    )
  for (const fact of facts.filter(one => !records.includes(one))) check(t, what, fact, told, asked)
}

/** The words of an outcome that are true, in place of those that are not. */
function describe(told: Told, outcome: string): string[] {
  const true_: Record<string, string> = {
    ...Object.fromEntries(
      ['secure', 'insecure', 'indeterminate'].map(word => [word, told.security?.status ?? 'unjudged']),
    ),
    ...Object.fromEntries(['cache', 'upstream', 'stale', 'local'].map(word => [word, told.from])),
    ...{ ad: told.ad ? 'ad' : 'no-ad', 'no-ad': told.ad ? 'ad' : 'no-ad' },
  }
  return outcome.split(' ').map((word, i) => {
    if (i === 0) return rcodeName(told.rcode)
    if (word.startsWith('ede=')) return `ede=${edeName(told.ede)}`
    if (word.startsWith('took=')) return `took=${told.took}`
    return true_[word] ?? `${word}?`
  })
}

function edeName(code: number | undefined): string {
  const [name] = Object.entries(Ede).find(([, value]) => value === code) ?? []
  return name?.toLowerCase().replaceAll('_', '-') ?? String(code)
}

function check(t: Test, what: string, fact: string, told: Told, asked: readonly string[]): void {
  const [kind, ...rest] = fact.split(' ')
  const text = rest.join(' ')
  switch (kind) {
    case 'asked':
      if (/^\d+$/.test(text)) t.equal(asked.length, Number(text), `${what}: ${asked.join(', ')}`)
      else t.ok(asked.includes(text), `${what}: asked for ${text}, not only ${asked.join(', ')}`)
      return
    case 'spared':
      return void t.notOk(asked.includes(text), `${what}: not asked for ${text}`)
    case 'authority':
      return void t.ok(
        told.authority.flatMap(plain).some(one => one.startsWith(text)),
        `${what}: ${told.authority.join('; ')}`,
      )
    case 'without':
      return void t.notOk(
        [...told.answer, ...told.authority].some(one => one.includes(text)),
        `${what}: ${fact}`,
      )
    case 'authority-empty':
      return void t.same(told.authority, [], what)
    default:
      throw new Error(`no such fact: ${fact}`)
  }
}

/** Without its class; signatures, which are new in each run, are left out. */
function plain(record: string): string[] {
  return /^\S+ \d+ IN RRSIG /.test(record) ? [] : [record.replace(/^(\S+ \d+) IN /, '$1 ')]
}
