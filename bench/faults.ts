/** An upstream that is made bad: it loses and delays by itself, as it is told (bench/forward-upstream.ts). */
import { Class, Flag } from '../dns/codes.ts'
import { writeMessage } from '../dns/message.ts'
import { parseName } from '../dns/name.ts'
import { Type } from '../dns/types.ts'
import { ask } from './load.ts'

/** From now on the upstream at this port loses so many of a hundred questions, and takes so many milliseconds for the others. */
export async function worsen(port: number, loss: number, delay: number): Promise<void> {
  const question = [{ name: parseName(`${loss}.${delay}.set.`), type: Type.TXT, class: Class.IN }]
  const query = { id: 1, flags: Flag.RD, opcode: 0, rcode: 0, question, answer: [], authority: [], additional: [] }
  if (!(await ask(port, writeMessage(query), 500))) throw new Error('the upstream does not obey')
}
