import type { Command } from 'commander'
import { ask, type OnlineOptions, online, printJson } from './online.ts'
import { facts, type Terminal } from './terminal.ts'

interface FlushOptions extends OnlineOptions {
  view?: string
  subtree?: boolean
}

/** `cache`: what the resolver keeps of the answers of others. */
export function addCache(program: Command, terminal: Terminal): void {
  const cache = program.command('cache').description('the cache of the resolver')
  online(cache.command('show').description('how full it is')).action(async (options: OnlineOptions) => {
    const shown = await ask('cache.show', {}, options, terminal)
    if (options.json) return printJson(shown, terminal)
    terminal.out(
      facts([
        ['entries', shown.entries],
        ['octets', `${shown.octets} of ${shown.size}`],
      ]),
    )
  })
  online(cache.command('flush').description('forgets answers, so that they are asked for anew'))
    .argument('[name]', 'the name whose answers are forgotten; left out: all')
    .option('--subtree', 'and those of all names below it')
    .option('--view <view>', 'of this view alone')
    .action(async (name: string | undefined, options: FlushOptions) => {
      const { view, subtree } = options
      const args = {
        ...(name !== undefined && { name }),
        ...(view !== undefined && { view }),
        subtree: subtree === true,
      }
      const done = await ask('cache.flush', args, options, terminal)
      if (options.json) printJson(done, terminal)
      else terminal.out(`${done.removed} ${done.removed === 1 ? 'answer' : 'answers'} forgotten\n`)
    })
}
