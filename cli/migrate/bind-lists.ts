import { parsePrefix } from '../../config/address.ts'
import type { Statement } from './named-conf.ts'

/** What an address match list says, as far as we can say it. */
export interface MatchList {
  /** Addresses, blocks, and names of access lists. */
  addresses: string[]
  keys: string[]
}

/** What can't be carried over is told to `lose`. */
export type Lose = (statement: Statement, why: string) => void

const BUILT_IN = new Set(['any', 'none', 'localhost'])

/** Reads an address match list; `names` are the access lists that there are. */
export function readMatchList({ block = [] }: Statement, names: ReadonlySet<string>, lose: Lose): MatchList {
  const list: MatchList = { addresses: [], keys: [] }
  for (const item of block) {
    const [word, name] = item.words
    if (item.block) {
      const inner = readMatchList(item, names, lose)
      list.addresses.push(...inner.addresses)
      list.keys.push(...inner.keys)
    } else if (word === undefined || word.startsWith('!')) {
      // What follows may be what the exception is from: nobody is let in that was not before.
      lose(item, 'exceptions ("!") are not known: this and what follows in the list is left out')
      break
    } else if (word === 'key' && name !== undefined) list.keys.push(bare(name))
    else if (word === 'localnets') lose(item, 'localnets is not known: list the networks')
    else if (BUILT_IN.has(word) || names.has(word) || parsePrefix(padded(word))) list.addresses.push(padded(word))
    else lose(item, `"${word}" is not an address or access list`)
  }
  return { addresses: list.addresses.filter(one => one !== 'none'), keys: list.keys }
}

/** BIND takes "10/8" for 10.0.0.0/8. */
function padded(block: string): string {
  const [, address, length] = /^(\d{1,3}(?:\.\d{1,3}){0,2})\/(\d{1,2})$/.exec(block) ?? []
  if (address === undefined) return block
  const octets = address.split('.')
  return `${[...octets, ...Array(4 - octets.length).fill('0')].join('.')}/${length}`
}

/** Without the final dot that names may have. */
export function bare(name: string): string {
  return name === '.' ? name : name.replace(/\.$/, '').toLowerCase()
}

/** The first statement of that keyword, any of them. */
export function find(statements: readonly Statement[], ...keywords: string[]): Statement | undefined {
  return statements.find(({ words }) => keywords.includes(words[0] ?? ''))
}

/** "address" and "port", as we write them. */
export function endpoint(words: readonly string[], defaultPort?: string): string {
  const port = wordAfter(words, 'port') ?? defaultPort
  const [address] = words
  if (port === undefined || port === '53') return address!
  return address!.includes(':') ? `[${address}]:${port}` : `${address}:${port}`
}

/** What follows a word. */
export function wordAfter(words: readonly string[], word: string): string | undefined {
  const at = words.indexOf(word)
  return at < 0 ? undefined : words[at + 1]
}

/** The addresses of a `forwarders` statement. */
export function forwardersOf(statement: Statement | undefined): string[] {
  const port = statement && wordAfter(statement.words, 'port')
  return (statement?.block ?? []).flatMap(({ words }) => (words.length > 0 ? [endpoint(words, port)] : []))
}
