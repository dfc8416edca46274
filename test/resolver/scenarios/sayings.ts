import { Flag, Rcode } from '../../../dns/codes.ts'
import { Rrsig } from '../../../dns/dnssec.ts'
import { equalNames, parseName } from '../../../dns/name.ts'
import type { ResourceRecord } from '../../../dns/record.ts'
import { parseRdataText, Type, typeCode } from '../../../dns/types.ts'
import type { Tree } from '../validate/tree.ts'
import type { TestZone } from '../validate/zone.ts'
import { record } from '../world.ts'
import { changeField } from './fields.ts'
import type { Statement } from './language.ts'
import type { Saying, Script } from './upstreams.ts'

type Section = 'answer' | 'authority' | 'additional'
const FLAGS: Record<string, number> = { aa: Flag.AA, tc: Flag.TC, ad: Flag.AD }

/** "SAY [@address] name TYPE [RCODE] [aa] [tc] [ad]", records by section below it; "… nothing" is silence, "… as name TYPE" another question's answer. */
export function scriptedSaying({ words, lines }: Statement): Script {
  const { address, name, type, rest } = whom(words)
  if (rest[0] === 'nothing') return { address, name, type, change: () => undefined }
  if (rest[0] === 'as') {
    const [, other, otherType] = rest
    return { address, name, type, change: (said, tree) => ({ ...said, ...honestly(tree, other!, otherType!) }) }
  }
  const rcode = rest.map(word => Rcode[word as keyof typeof Rcode]).find(code => code !== undefined) ?? Rcode.NOERROR
  const flags = rest.reduce((all, word) => all | (FLAGS[word] ?? 0), Flag.RD | Flag.RA)
  const said: Saying = { rcode, flags, answer: [], authority: [], additional: [] }
  for (const line of lines) {
    const [section, text] = split(line)
    said[section as Section].push(record(text))
  }
  return { address, name, type, change: () => said }
}

/** "ALTER [@address] name TYPE", one change of what is said a line. */
export function alteredSaying({ words, lines }: Statement): Script {
  const { address, name, type } = whom(words)
  const change = (said: Saying, tree: Tree | undefined) => lines.reduce((one, line) => alter(one, line, tree), said)
  return { address, name, type, change }
}

function whom(words: readonly string[]) {
  const address = words[0]?.startsWith('@') ? words[0].slice(1) : undefined
  const [name = '*', type = '*', ...rest] = address === undefined ? words : words.slice(1)
  return { address, name, type, rest }
}

function alter(said: Saying, line: string, tree: Tree | undefined): Saying {
  const [verb, text] = split(line)
  const words = text.split(' ')
  switch (verb) {
    case 'rcode':
      return { ...said, rcode: Rcode[words[0] as keyof typeof Rcode] }
    case 'clear':
      return { ...said, [words[0]!]: [] }
    case 'add': {
      const [section, added] = split(text)
      return { ...said, [section]: [...said[section as Section], record(added)] }
    }
    case 'drop':
      return keep(said, one => !(isOf(one, words) || covers(one, words)))
    case 'unsign':
      return keep(said, one => !covers(one, words))
    case 'exchange':
      return each(said, one => (isOf(one, words.slice(0, 1)) ? { ...one, rdata: rdataOf(text) } : one))
    case 'shorten':
      return each(said, one => (isOf(one, words) ? { ...one, rdata: one.rdata.subarray(1) } : one))
    case 'field':
      return each(said, one => changed(one, words))
    case 'rename':
      return each(said, one =>
        equalNames(one.owner, parseName(words[0]!)) ? { ...one, owner: parseName(words[1]!) } : one,
      )
    case 'ttl':
      return each(said, one => ({ ...one, ttl: Number(words[0]) }))
    case 'quote':
      return { ...said, authority: [...said.authority, ...honestly(tree, words[0]!, words[1]!).answer] }
    case 'sign': {
      const [section, rest] = split(text)
      const [apex, made] = split(rest)
      return { ...said, [section]: [...said[section as Section], ...signed(tree, apex, made)] }
    }
    case 'unprove':
      return unprove(said, tree!.zone(words[0]!), words[1]!, words[2]!)
    case 'answer':
      return { ...said, answer: honestly(tree, words[1]!, words[2]!).answer }
    case 'authority':
      return { ...said, authority: honestly(tree, words[1]!, words[2]!).authority }
    default:
      throw new Error(`no such change: ${line}`)
  }
}

function split(line: string): [string, string] {
  const at = line.indexOf(' ')
  return at < 0 ? [line, ''] : [line.slice(0, at), line.slice(at + 1)]
}

/** The record, and a signature made with the key of the zone, whether or not it may say so. */
function signed(tree: Tree | undefined, apex: string, text: string): ResourceRecord[] {
  const { owner, type, ttl, rdata } = record(text)
  return tree!.zone(apex).signedRecords({ owner, type, ttl, rdatas: [rdata] })
}

/** Leaves out the NSEC or NSEC3 record of a zone that matches or covers the name, and its signature. */
function unprove(said: Saying, zone: TestZone, how: string, name: string): Saying {
  const found = how === 'matching' ? zone.matching(parseName(name)) : zone.covering(parseName(name))
  const { owner, type } = found!.set
  const isDenial = (one: ResourceRecord) =>
    one.type === type || (one.type === Type.RRSIG && Rrsig.typeCovered(one.rdata) === type)
  return keep(said, one => !(isDenial(one) && equalNames(one.owner, owner)))
}

/** What the tree says to another question. */
function honestly(tree: Tree | undefined, name: string, type: string) {
  return tree!.answer(parseName(name), typeCode(type)!)
}

function each(said: Saying, change: (record: ResourceRecord) => ResourceRecord): Saying {
  return { ...said, answer: said.answer.map(change), authority: said.authority.map(change) }
}

function keep(said: Saying, kept: (record: ResourceRecord) => boolean): Saying {
  return { ...said, answer: said.answer.filter(kept), authority: said.authority.filter(kept) }
}

/** Whether it is of the type, and of the owner where one is given. */
function isOf({ owner, type }: ResourceRecord, [wanted, at]: readonly string[]): boolean {
  return type === typeCode(wanted!) && (at === undefined || equalNames(owner, parseName(at)))
}

/** Whether it is a signature of such a record; `*` is any. */
function covers({ owner, type, rdata }: ResourceRecord, [wanted, at]: readonly string[]): boolean {
  if (type !== Type.RRSIG || (at !== undefined && !equalNames(owner, parseName(at)))) return false
  return wanted === '*' || Rrsig.typeCovered(rdata) === typeCode(wanted!)
}

/** "TYPE rdata". */
function rdataOf(text: string): Uint8Array {
  const [type, rdata] = split(text)
  return parseRdataText(typeCode(type)!, rdata)
}

/** "TYPE field change", or "RRSIG(TYPE) field change" for the signatures of one type. */
function changed(one: ResourceRecord, [kind, field, change]: readonly string[]): ResourceRecord {
  const [, type, covered] = /^(\w+)(?:\((\w+)\))?$/.exec(kind!)!
  const fits = isOf(one, [type!]) && (covered === undefined || covers(one, [covered]))
  return fits ? { ...one, rdata: changeField(one.type, one.rdata, field!, change!) } : one
}
