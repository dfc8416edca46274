import { randomBytes } from 'node:crypto'
import type { Command } from 'commander'
import { parseSocketAddress } from '../config/address.ts'
import { loadConfig, systemSources } from '../config/load.ts'
import { printConfigError } from '../config/source.ts'
import type { SocketAddress } from '../host/network.ts'
import { findConfigFile } from './config-file.ts'
import { CliError } from './errors.ts'
import { ask, type OnlineOptions, online, printJson } from './online.ts'
import { Skipped, STEPS, type Subject } from './selftest/steps.ts'
import { type Terminal, table } from './terminal.ts'

/** How a step went. */
interface Outcome {
  step: string
  state: 'ok' | 'failed' | 'skipped'
  what: string
  milliseconds: number
}

/** `selftest`: does what clients do, and takes it back: for after an upgrade. */
export function addSelftest(program: Command, terminal: Terminal): void {
  const description =
    'query, update, transfer, issue, verify and revoke, as clients do, and leave nothing behind: for after an upgrade'
  online(program.command('selftest').description(description)).action(async (options: OnlineOptions) => {
    const subject = await subjectOf(options, terminal)
    const outcomes: Outcome[] = []
    for (const { step, run } of STEPS) outcomes.push(await timed(step, () => run(subject)))
    if (options.json) printJson(outcomes, terminal)
    else terminal.out(table(['STEP', '', 'TIME', 'FOUND'], outcomes.map(row)))
    if (outcomes.some(({ state }) => state === 'failed')) throw new CliError([], 1)
  })
}

function row({ step, state, milliseconds, what }: Outcome): string[] {
  return [step, state === 'failed' ? 'FAILS' : state, `${milliseconds} ms`, what]
}

async function timed(step: string, run: () => Promise<string>): Promise<Outcome> {
  const began = performance.now()
  const outcome = (state: Outcome['state'], what: string): Outcome => ({
    ...{ step, state, what, milliseconds: Math.round(performance.now() - began) },
  })
  try {
    return outcome('ok', await run())
  } catch (error) {
    return outcome(error instanceof Skipped ? 'skipped' : 'failed', (error as Error).message)
  }
}

async function subjectOf(options: OnlineOptions, terminal: Terminal): Promise<Subject> {
  const { config, errors } = loadConfig(findConfigFile(options.config, terminal), {
    ...systemSources,
    env: terminal.env,
  })
  if (!config) throw new CliError(errors.map(printConfigError), 2)
  const { listen } = await ask('status', {}, options, terminal)
  const [bound] = listen['dns'] ?? []
  if (bound === undefined) throw new CliError('the daemon has no DNS listener', 1)
  return {
    ask: (command, args) => ask(command, args, options, terminal),
    server: reachable(parseSocketAddress(bound)!),
    keys: config.keys,
    token: randomBytes(8).toString('hex'),
  }
}

/** A listener on all addresses is on loopback too. */
function reachable({ address, port }: SocketAddress): SocketAddress {
  if (address === '0.0.0.0') return { address: '127.0.0.1', port }
  return { address: address === '::' ? '::1' : address, port }
}
