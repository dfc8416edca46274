import type { Command } from 'commander'
import { CONFIG_OPTION, findConfigFile } from './config-file.ts'
import { CliError } from './errors.ts'
import type { Status } from './replies.ts'
import type { Terminal } from './terminal.ts'

/** `serve`: runs the daemon in the foreground. */
export function addServe(program: Command, terminal: Terminal): void {
  program
    .command('serve')
    .description('run the daemon in the foreground; JSON logs on stdout, "ready" once every listener answers')
    .option(...CONFIG_OPTION)
    .action(async (options: { config?: string }) => {
      await runDaemon(findConfigFile(options.config, terminal))
    })
}

/** Runs until the daemon is told to stop. */
export async function runDaemon(configFile: string, onReady?: (status: Status) => void): Promise<void> {
  const { serve } = await import('../server/main.ts')
  const exit = await serve({ configFile, ...(onReady ? { onReady } : {}) })
  if (exit !== 0) throw new CliError([], 1)
}
