import { Rcode, rcodeName } from '../../dns/codes.ts'
import { parseName, printName } from '../../dns/name.ts'
import type { ResourceRecord } from '../../dns/record.ts'
import { Type } from '../../dns/types.ts'
import { AcmeError } from '../problems.ts'
import type { Lookup } from './challenge.ts'

/** A TXT record with its character strings put together. */
export interface TextRecord {
  text: string
  record: ResourceRecord
}

/** The TXT records where a challenge looks, at least one. Rejects with AcmeError `dns`. */
export async function textsAt(lookup: Lookup, name: string): Promise<{ where: string; texts: TextRecord[] }> {
  const owner = parseName(name)
  const where = printName(owner)
  const { rcode, answer } = await lookup(owner, Type.TXT)
  if (rcode !== Rcode.NOERROR && rcode !== Rcode.NXDOMAIN)
    throw new AcmeError('dns', `the TXT lookup of ${where} failed with ${rcodeName(rcode)}`)
  // RFC 8555 §8.4: CNAMEs are followed; the lookup has done it, so every TXT of the answer counts.
  const texts = answer
    .filter(record => record.type === Type.TXT)
    .map(record => ({ text: textOf(record.rdata), record }))
  if (texts.length === 0) throw new AcmeError('dns', `there is no TXT record at ${where}`)
  return { where, texts }
}

/** The character strings of a TXT record (RFC 1035 §3.3.14) put together. */
function textOf(rdata: Uint8Array): string {
  let text = ''
  for (let at = 0; at < rdata.length; at += rdata[at]! + 1)
    text += Buffer.from(rdata.subarray(at + 1, at + 1 + rdata[at]!)).toString('latin1')
  return text
}
