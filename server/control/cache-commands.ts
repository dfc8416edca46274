import { printName } from '../../dns/name.ts'
import type { State } from '../requests/state.ts'
import type { ResolverCache } from '../resolver/resolver-cache.ts'
import { partitionOfView } from '../resolver/view-resolver.ts'
import { type Command, CommandError, nameArgument } from './control.ts'

/** The commands about the resolver cache. `flushed` is called when something was taken out of it. */
export function cacheCommands(cache: ResolverCache, state: State, flushed: () => void): Record<string, Command> {
  return {
    'cache.show': () => ({ entries: cache.memory.size, octets: cache.memory.octets, size: cache.buffer.byteLength }),
    'cache.flush': args => {
      const name = args['name'] === undefined ? undefined : nameArgument(args['name'])
      const subtree = args['subtree'] === true
      if (subtree && !name) throw new CommandError('a subtree is that of a name', 2)
      const views = viewsOf(args['view'], state)
      const partitions = views?.map(({ config }) => partitionOfView(config, state.config))
      const removed = cache.flush({ subtree, ...(name && { name }), ...(partitions && { partitions }) })
      for (const { resolver } of state.views) resolver.forget()
      flushed()
      return { ...(name && { name: printName(name) }), subtree, removed }
    },
  }
}

function viewsOf(wanted: unknown, { views }: State) {
  if (wanted === undefined) return undefined
  const found = views.filter(({ name }) => name === wanted)
  if (found.length === 0)
    throw new CommandError(`there is no view ${wanted}; there are ${views.map(({ name }) => name).join(', ')}`, 2)
  return found
}
