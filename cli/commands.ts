import type { Command } from 'commander'
import type { Terminal } from './terminal.ts'

/** Declares a command, and what it does, on `program`. */
export type AddCommand = (program: Command, terminal: Terminal) => void

/** All commands by their names, in the order of the help. Each is read from its file when it is needed: one command line needs one. */
export const COMMANDS: Readonly<Record<string, () => Promise<AddCommand>>> = {
  serve: async () => (await import('./serve.ts')).addServe,
  start: async () => (await import('./start.ts')).addStart,
  init: async () => (await import('./init.ts')).addInit,
  check: async () => (await import('./check.ts')).addCheck,
  status: async () => (await import('./status.ts')).addStatus,
  top: async () => (await import('./top.ts')).addTop,
  reload: async () => (await import('./reload.ts')).addReload,
  stop: async () => (await import('./stop.ts')).addStop,
  keygen: async () => (await import('./keygen.ts')).addKeygen,
  keys: async () => (await import('./keys.ts')).addKeys,
  zone: async () => (await import('./zone.ts')).addZone,
  ca: async () => (await import('./ca.ts')).addCa,
  cache: async () => (await import('./cache.ts')).addCache,
  token: async () => (await import('./token.ts')).addToken,
  backup: async () => (await import('./backup.ts')).addBackup,
  restore: async () => (await import('./backup.ts')).addRestore,
  onboard: async () => (await import('./onboard.ts')).addOnboard,
  migrate: async () => (await import('./migrate.ts')).addMigrate,
  quarantine: async () => (await import('./quarantine.ts')).addQuarantine,
  selftest: async () => (await import('./selftest.ts')).addSelftest,
  probe: async () => (await import('./probe.ts')).addProbe,
  explain: async () => (await import('./explain.ts')).addExplain,
  timeline: async () => (await import('./timeline.ts')).addTimeline,
  nta: async () => (await import('./nta.ts')).addNta,
  completion: async () => (await import('./completion.ts')).addCompletion,
  man: async () => (await import('./man.ts')).addMan,
}
