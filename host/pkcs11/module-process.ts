import { CryptokiError } from './cryptoki.ts'
import { openModule } from './module.ts'
import type { ModuleReply, ModuleRequest } from './module-channel.ts'

/**
 * The process of one PKCS#11 module, whose path is its argument. Calls come over the channel and are made one after the other, on its
 * only thread: few modules are safe with several, whatever they say.
 */
const module = openModule(process.argv[2]!)

function carryOut({ call, parameters }: ModuleRequest): ModuleReply {
  try {
    return { value: (module[call] as (...parameters: readonly unknown[]) => unknown)(...parameters) }
  } catch (error) {
    const { message } = error as Error
    return { message, ...(error instanceof CryptokiError && { returned: error.value }) }
  }
}

// The service manager and a terminal signal the whole group; the daemon may have something to sign until it ends, and the channel with it.
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(signal, () => {})
process.on('message', request => process.send!(carryOut(request as ModuleRequest)))
