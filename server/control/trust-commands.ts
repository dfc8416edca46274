import { printName } from '../../dns/name.ts'
import { NEGATIVE_ANCHOR_LIFE, type TrustKeeper } from '../resolver/trust.ts'
import { type Command, CommandError, nameArgument } from './control.ts'

/** `nta add`, `nta list`, `nta remove`: negative trust anchors (RFC 7646) while the daemon runs. */
export function createTrustCommands(keeper: TrustKeeper): Record<string, Command> {
  return {
    'nta.list': () => keeper.listNegative(),
    'nta.add': args => {
      const seconds = args['seconds'] === undefined ? NEGATIVE_ANCHOR_LIFE.usual / 1000 : Number(args['seconds'])
      if (!(seconds > 0) || seconds * 1000 > NEGATIVE_ANCHOR_LIFE.most)
        throw new CommandError('a negative trust anchor stands for a week at most', 2)
      const why = args['why'] === undefined ? undefined : String(args['why'])
      return keeper.addNegative(nameArgument(args['name']), seconds * 1000, why)
    },
    'nta.remove': async args => {
      const zone = nameArgument(args['name'])
      if (await keeper.removeNegative(zone)) return { zone: printName(zone) }
      throw new CommandError(`no command has made a negative trust anchor for ${printName(zone)}`)
    },
  }
}
