import { randomInt } from 'node:crypto'
import type { Test } from 'tap'
import { run, without } from './tools.ts'

/** What `skip` of a test must be that has a network of its own and these programs in it. */
export function withoutNamespaces(...programs: string[]): string | false {
  const skip = without('ip', ...programs)
  return skip === false && process.env['INTEROP'] !== 'required' && process.getuid?.() !== 0 ? 'needs root' : skip
}

/**
 * Makes a network that has nothing but loopback with these addresses, so that every port is free; gives the command that runs others in it. It ends
 * with the test.
 */
export async function createNamespace(t: Test, ...addresses: string[]): Promise<readonly string[]> {
  const name = `namestead-${process.pid}-${randomInt(1 << 30)}`
  const ip = async (...args: string[]) => {
    const { status, stderr } = await run('ip', args)
    if (status !== 0) throw new Error(`ip ${args.join(' ')}: ${stderr}`)
  }
  await ip('netns', 'add', name)
  t.teardown(() => ip('netns', 'delete', name))
  await ip('-n', name, 'link', 'set', 'lo', 'up')
  // BIND listens on addresses that an interface has, not on all that lead to it.
  for (const address of addresses) await ip('-n', name, 'address', 'add', `${address}/8`, 'dev', 'lo')
  return ['ip', 'netns', 'exec', name]
}
