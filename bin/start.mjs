// `npm start [-- ARGUMENTS]`: installs what is missing, then runs the command line; without arguments the daemon on its embedded default.
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { installMissing, ROOT, runtime } from './environment.mjs'

installMissing()
const given = process.argv.slice(2)
const child = spawn(runtime(), [join(ROOT, 'bin', 'namestead.mjs'), ...(given.length > 0 ? given : ['start'])], {
  stdio: 'inherit',
})
// The child gets the terminal's signals itself; those sent to this process alone are passed on.
for (const signal of ['SIGTERM', 'SIGHUP', 'SIGINT']) process.on(signal, () => child.kill(signal))
child.on('exit', (code, signal) => process.exit(signal ? 1 : (code ?? 1)))
