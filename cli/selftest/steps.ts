import { X509Certificate } from 'node:crypto'
import type { KeyConfig } from '../../config/schema.ts'
import { Class, Opcode, Rcode, rcodeName } from '../../dns/codes.ts'
import { type Name, nameKey, parseName, printName } from '../../dns/name.ts'
import type { ResourceRecord } from '../../dns/record.ts'
import { tsigKey } from '../../dns/tsig-record.ts'
import { parseRdataText, Type } from '../../dns/types.ts'
import type { SocketAddress } from '../../host/network.ts'
import type { Replies } from '../replies.ts'
import { overTcp, overUdp, question } from './exchange.ts'

/** What the test is run with: the daemon's control socket, its DNS listener, and the keys of the configuration. */
export interface Subject {
  ask<C extends keyof Replies>(command: C, args: Record<string, unknown>): Promise<Replies[C]>
  server: SocketAddress
  keys: readonly KeyConfig[]
  /** Told apart from other runs. */
  token: string
}

/** Something that can't be tried here; the message says why. */
export class Skipped extends Error {
  override name = 'Skipped'
}

/** The steps in their order: each gives what it has seen, throws Skipped, or fails. A step may use what those before it found. */
export const STEPS: readonly { step: string; run: (subject: Subject) => Promise<string> }[] = [
  { step: 'query', run: testQueries },
  { step: 'update', run: testUpdate },
  { step: 'transfer', run: testTransfer },
  { step: 'certificate', run: testCertificate },
]

/** Below the zone: no host has it, and no rule for hosts covers it. */
const LABEL = '_namestead-selftest'
/** Zones and keys that are tried until one may do what is tested. */
const MOST = 50

/** Every zone that this client sees is answered, over UDP and TCP, as the daemon says it serves it. */
async function testQueries({ ask, server }: Subject): Promise<string> {
  const zones = await ask('zone.list', {})
  const names = [...new Set(zones.filter(({ serial }) => serial !== null).map(({ zone }) => zone))]
  let seen = 0
  for (const zone of names) {
    const request = question(parseName(zone), Type.SOA)
    const answers = [await overUdp(server, request), ...(await overTcp(server, request))]
    for (const { rcode, answer } of answers) {
      // Another view's zone, to which this client has no access.
      if (rcode === Rcode.REFUSED || rcode === Rcode.NXDOMAIN) continue
      const soa = answer.find(({ type }) => type === Type.SOA)
      if (!soa) throw new Error(`${zone} SOA: ${rcodeName(rcode)}`)
      seen++
    }
  }
  if (names.length === 0) throw new Skipped('no zone is served')
  if (seen === 0) throw new Skipped('no zone is for a client on this machine')
  const others = seen / 2 < names.length ? '; the others are not for this client' : ''
  return `${seen / 2} of ${names.length} zones answered over UDP and TCP${others}`
}

/** A signed update comes and goes, and is seen at once. */
async function testUpdate(subject: Subject): Promise<string> {
  const { server, token } = subject
  const { zone, key, name } = await writable(subject)
  const record: ResourceRecord = {
    ...{ owner: name, type: Type.TXT, class: Class.IN, ttl: 60 },
    rdata: parseRdataText(Type.TXT, `"${token}"`),
  }
  const send = async (authority: ResourceRecord[]) => {
    const [answer] = await overTcp(server, update(zone, authority), key)
    if (answer!.rcode !== Rcode.NOERROR) throw new Error(`the update was answered ${rcodeName(answer!.rcode)}`)
  }
  const isThere = async () => {
    const [answer] = await overTcp(server, question(name, Type.TXT), key)
    return answer!.answer.some(({ type }) => type === Type.TXT)
  }
  await send([record])
  try {
    if (!(await isThere())) throw new Error(`${printName(name)} TXT was added, and is not answered`)
  } finally {
    // RFC 2136 §2.5.2: the RRset goes.
    await send([{ ...record, class: Class.ANY, ttl: 0, rdata: new Uint8Array() }])
  }
  if (await isThere()) throw new Error(`${printName(name)} TXT was deleted, and is still answered`)
  return `${printName(name)} TXT came and went by the key ${printName(key.name)}`
}

function update(zone: Name, authority: ResourceRecord[]) {
  return {
    ...{ flags: 0, opcode: Opcode.UPDATE, rcode: 0, answer: [], authority, additional: [] },
    question: [{ name: zone, type: Type.SOA, class: Class.IN }],
  }
}

/** A key and a name that it may write, by the rules that decide. */
async function writable({ ask, server, keys, token }: Subject) {
  const zones = (await ask('zone.list', {})).filter(({ type, dynamic }) => type === 'primary' && dynamic)
  for (const { zone, view } of zones.slice(0, MOST)) {
    const { update_keys: writers } = await ask('zone.show', { zone, view })
    for (const config of keys.filter(one => writers.some(writer => isNamed(one, writer))).slice(0, MOST))
      for (const name of [`${LABEL}.${zone}`, `_acme-challenge.${LABEL}.${zone}`]) {
        const updates = [`add ${name} 60 TXT "${token}"`]
        const told = await ask('explain.update', {
          ...{ name, from: server.address, key: printName(config.name), updates },
        })
        if (told.allowed) return { zone: parseName(zone), key: keyOf(config), name: parseName(name) }
      }
  }
  throw new Skipped(`no key may write ${LABEL}, TXT, in a dynamic zone`)
}

/** A zone is handed out whole to a key that may have it. */
async function testTransfer({ ask, server, keys }: Subject): Promise<string> {
  const zones = (await ask('zone.list', {})).filter(({ serial }) => serial !== null)
  for (const { zone, view } of zones.slice(0, MOST)) {
    const { transfer_keys: readers } = await ask('zone.show', { zone, view })
    const config = keys.find(one => readers.some(reader => isNamed(one, reader)))
    const records = config && (await transfer(server, zone, config))
    if (records !== undefined) return `${zone} with ${records} records, to the key ${printName(config!.name)}`
  }
  throw new Skipped('no key may have a zone transferred from this machine')
}

/** How many records came; undefined where the zone is in a view that is not for this client. */
async function transfer(server: SocketAddress, zone: string, config: KeyConfig): Promise<number | undefined> {
  const request = { ...question(parseName(zone), Type.AXFR), flags: 0 }
  let [soas, records, status] = [0, 0, Rcode.NOERROR as number]
  await overTcp(server, request, keyOf(config), ({ rcode, answer }) => {
    status = rcode
    records += answer.length
    soas += answer.filter(({ type }) => type === Type.SOA).length
    return rcode !== Rcode.NOERROR || soas === 2
  })
  if (status === Rcode.REFUSED || status === Rcode.NOTAUTH) return undefined
  if (status !== Rcode.NOERROR) throw new Error(`AXFR of ${zone} was answered ${rcodeName(status)}`)
  // RFC 5936 §2.2: the SOA comes twice.
  return records - 1
}

/** A certificate is issued, leads to the root, and is revoked. */
async function testCertificate({ ask }: Subject): Promise<string> {
  if (!(await ask('status', {})).ca) throw new Skipped('there is no CA')
  const name = await certifiable(ask)
  const issued = await ask('ca.issue', { names: [name] })
  try {
    const chain = (issued.certificate.match(PEM) ?? []).map(pem => new X509Certificate(pem))
    const roots = (await ask('ca.roots', {})).map(({ certificate }) => new X509Certificate(certificate))
    checkChain(chain, roots, name)
  } finally {
    await ask('ca.revoke', { serial: issued.serial, reason: 'cessationOfOperation' })
  }
  const listed = await ask('ca.list', { all: true, name })
  const found = listed.find(({ serial }) => serial === issued.serial)
  if (found?.status !== 'revoked') throw new Error(`${issued.serial} was revoked, and is ${found?.status ?? 'unknown'}`)
  return `${issued.serial} for ${name} was issued, leads to the root, and is revoked`
}

const PEM = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g

/** A host below a zone of ours, or below the CA's own name. */
async function certifiable(ask: Subject['ask']): Promise<string> {
  const [zone] = (await ask('zone.list', {})).filter(({ type, zone }) => type === 'primary' && !/\.arpa\.$/.test(zone))
  if (!zone) throw new Skipped('there is no zone for whose names a certificate could be issued')
  return `namestead-selftest.${zone.zone.replace(/\.$/, '')}`
}

/** RFC 5280 §6.1, as far as the runtime checks it: who signed whom, the dates, the name. */
function checkChain(chain: readonly X509Certificate[], roots: readonly X509Certificate[], name: string): void {
  const [leaf] = chain
  if (!leaf?.checkHost(name)) throw new Error(`the certificate is not for ${name}`)
  for (const [i, certificate] of chain.entries()) {
    const issuers = i + 1 < chain.length ? [chain[i + 1]!] : roots
    if (!issuers.some(issuer => certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey)))
      throw new Error(`${certificate.subject.replaceAll('\n', ', ')} does not lead to a root`)
    const now = Date.now()
    if (Date.parse(certificate.validFrom) > now || Date.parse(certificate.validTo) < now)
      throw new Error(`${certificate.subject.replaceAll('\n', ', ')} is not valid now`)
  }
}

function isNamed({ name }: KeyConfig, text: string): boolean {
  return nameKey(parseName(text)) === nameKey(name)
}

function keyOf({ name, algorithm, secret }: KeyConfig) {
  return tsigKey(name, algorithm, secret)
}
