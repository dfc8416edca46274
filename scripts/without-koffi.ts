/** `node --import ./scripts/without-koffi.ts …` runs a program as where koffi does not load: datagrams are served by `dgram` alone. */
import { registerHooks } from 'node:module'

registerHooks({
  resolve(specifier, context, next) {
    if (specifier === 'koffi') throw new Error('koffi is not to be loaded here')
    return next(specifier, context)
  },
})
