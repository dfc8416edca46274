import { isAbsolute } from 'node:path'
import { type Command, CommandError } from '../control/control.ts'
import { complaintOfRecipients, type Encryption } from './encryption.ts'
import type { BackupKeeper } from './keeper.ts'

/** `backup`: takes one now. */
export function backupCommands(keeper: BackupKeeper): Record<string, Command> {
  return {
    backup: (args, progress) => {
      const file = String(args['file'] ?? '')
      if (!isAbsolute(file)) throw new CommandError('name the file in full', 2)
      return keeper.take(file, encryptionOf(args), (what, share) => progress({ what, share }))
    },
  }
}

/** As the command says it; undefined where that leaves it to the configuration. */
function encryptionOf({ passphrase, recipients }: Record<string, unknown>): Encryption | undefined {
  if (typeof passphrase === 'string') return { passphrase }
  if (!Array.isArray(recipients) || recipients.length === 0) return undefined
  const complaint = complaintOfRecipients(recipients.map(String))
  if (complaint) throw new CommandError(complaint, 2)
  return { recipients: recipients.map(String) }
}
