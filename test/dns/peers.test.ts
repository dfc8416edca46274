import dnsPacket, { type Answer } from 'dns-packet'
import { Packet } from 'dns2'
import t from 'tap'
import { parseMessage, writeMessage } from '../../dns/message.ts'
import { parseName } from '../../dns/name.ts'
import { parseRdataText, printRdata, Type, type TypeName } from '../../dns/types.ts'

const record = (type: TypeName, text: string) => ({
  owner: parseName('www.example.'),
  type: Type[type],
  class: 1,
  ttl: 60,
  rdata: parseRdataText(Type[type], text),
})
const response = (type: TypeName, text: string) =>
  writeMessage({
    id: 1,
    flags: 0x8400,
    opcode: 0,
    rcode: 0,
    question: [{ name: parseName('www.example.'), type: Type[type], class: 1 }],
    answer: [record(type, text)],
    authority: [],
    additional: [],
  })
const bytes = (text: string, encoding: BufferEncoding) => Buffer.from(text, encoding)

/** The data of each type as dns-packet has it. */
const DNS_PACKET: [type: TypeName, text: string, data: unknown][] = [
  ['A', '192.0.2.1', '192.0.2.1'],
  ['AAAA', '2001:db8::1', '2001:db8::1'],
  ['NS', 'ns.example.', 'ns.example'],
  ['CNAME', 'other.www.example.', 'other.www.example'],
  ['DNAME', 'other.example.', 'other.example'],
  ['PTR', 'host.example.', 'host.example'],
  ['MX', '10 mail.example.', { preference: 10, exchange: 'mail.example' }],
  ['TXT', '"one" "two words"', [bytes('one', 'utf8'), bytes('two words', 'utf8')]],
  [
    'SOA',
    'ns.example. host.example. 1 2 3 4 5',
    { mname: 'ns.example', rname: 'host.example', serial: 1, refresh: 2, retry: 3, expire: 4, minimum: 5 },
  ],
  ['SRV', '1 2 3 host.example.', { priority: 1, weight: 2, port: 3, target: 'host.example' }],
  ['HINFO', '"cpu" "os"', { cpu: 'cpu', os: 'os' }],
  ['RP', 'mail.example. text.example.', { mbox: 'mail.example', txt: 'text.example' }],
  [
    'NAPTR',
    '1 2 "S" "SIP+D2U" "!a!b!" r.example.',
    { order: 1, preference: 2, flags: 'S', services: 'SIP+D2U', regexp: '!a!b!', replacement: 'r.example' },
  ],
  ['CAA', '0 issue "ca.example"', { flags: 0, tag: 'issue', value: 'ca.example', issuerCritical: false }],
  ['DNSKEY', '257 3 8 AAECAw==', { flags: 257, algorithm: 8, key: bytes('00010203', 'hex') }],
  ['DS', '60485 5 1 00010203', { keyTag: 60485, algorithm: 5, digestType: 1, digest: bytes('00010203', 'hex') }],
  ['NSEC', 'b.example. A MX RRSIG NSEC CAA', { nextDomain: 'b.example', rrtypes: ['A', 'MX', 'RRSIG', 'NSEC', 'CAA'] }],
  ['NSEC3', '1 0 5 AABB 00010203 A', undefined],
  [
    'RRSIG',
    'A 5 3 60 20300101000000 20290101000000 7 example. AAEC',
    {
      typeCovered: 'A',
      algorithm: 5,
      labels: 3,
      originalTTL: 60,
      expiration: 1893456000,
      inception: 1861920000,
      keyTag: 7,
      signersName: 'example',
      signature: bytes('000102', 'hex'),
    },
  ],
  [
    'SSHFP',
    '2 1 123456789ABCDEF67890123456789ABCDEF67890',
    { algorithm: 2, hash: 1, fingerprint: '123456789ABCDEF67890123456789ABCDEF67890' },
  ],
  ['TLSA', '3 1 1 00010203', { usage: 3, selector: 1, matchingType: 1, certificate: bytes('00010203', 'hex') }],
]

t.test('dns-packet', async t => {
  for (const [type, text, data] of DNS_PACKET) {
    const [answer] = dnsPacket.decode(Buffer.from(response(type, text))).answers as (Answer & { data: unknown })[]
    if (data) t.match(answer!.data, data, `it reads our ${type}`)
    const theirs = dnsPacket.encode({
      type: 'response',
      id: 1,
      answers: [{ ...answer, type, name: 'www.example', ttl: 60 } as Answer],
    })
    t.equal(
      printRdata(Type[type], parseMessage(theirs).answer[0]!.rdata),
      printRdata(Type[type], record(type, text).rdata),
      `we read its ${type}`,
    )
  }
})

/** The members of each type as dns2 has them. */
const DNS2: [type: TypeName, text: string, members: object][] = [
  ['A', '192.0.2.1', { address: '192.0.2.1' }],
  ['AAAA', '2001:db8::1', { address: '2001:db8::1' }],
  ['NS', 'ns.example.', { ns: 'ns.example' }],
  ['CNAME', 'other.www.example.', { domain: 'other.www.example' }],
  ['PTR', 'host.example.', { domain: 'host.example' }],
  ['MX', '10 mail.example.', { priority: 10, exchange: 'mail.example' }],
  ['TXT', '"one" "two words"', { data: ['one', 'two words'] }],
  ['SPF', '"v=spf1 -all"', { data: ['v=spf1 -all'] }],
  [
    'SOA',
    'ns.example. host.example. 1 2 3 4 5',
    { primary: 'ns.example', admin: 'host.example', serial: 1, refresh: 2, retry: 3, expiration: 4, minimum: 5 },
  ],
  ['SRV', '1 2 3 host.example.', { priority: 1, weight: 2, port: 3, target: 'host.example' }],
  ['CAA', '0 issue "ca.example"', { flags: 0, tag: 'issue', value: 'ca.example' }],
]

t.test('dns2', async t => {
  for (const [type, text, members] of DNS2) {
    const packet = Packet.parse(Buffer.from(response(type, text)))
    t.match(packet.answers[0], members, `it reads our ${type}`)
    t.equal(
      printRdata(Type[type], parseMessage(packet.toBuffer()).answer[0]!.rdata),
      printRdata(Type[type], record(type, text).rdata),
      `we read its ${type}`,
    )
  }
})
