/** A zone of the laboratory tree, and what is wrong with it. */
export interface LabZone {
  /** The labels below "lab.". */
  name: string
  algorithm?: string
  /** Arguments of dnssec-signzone. */
  sign?: string[]
  /** NSEC3 iterations beyond what BIND signs with: ldns does it. */
  iterations?: string
  unsigned?: true
  /** More records, relative to the zone. */
  records?: string
  /** Changes the signed zone, one record a line. */
  mend?: (lines: string[]) => string[]
  /** Changes its DS records, as the parent has them. */
  ds?: (lines: string[]) => string[]
  /** A second key of this algorithm, which signs as well. */
  second?: string
}

export const RECORDS = `$TTL 300
@ SOA ns.lab. h.lab. 1 3600 600 86400 300
@ NS ns.lab.
www A 192.0.2.1
www A 192.0.2.2
alias CNAME www
*.wild TXT "wild"
x.ent A 192.0.2.3
secure CNAME www.plain.lab.
insecure CNAME www.unsigned.lab.
broken CNAME www.expired.lab.
old DNAME plain.lab.
`

const NSEC3 = ['-3', '-', '-H', '0']
const ago = (days: number) => `now-${days * 86400}`
const ahead = (days: number) => `now+${days * 86400}`

const is = (owner: string, type: string) => (line: string) => {
  const [name = '', , , kind] = line.split(/\s+/)
  return (owner === '*' || name.startsWith(`${owner}.`)) && kind === type
}
const covers = (owner: string, type: string) => (line: string) =>
  is(owner, 'RRSIG')(line) && line.split(/\s+/)[4] === type
const without = (test: (line: string) => boolean) => (lines: string[]) => lines.filter(line => !test(line))
const changed = (test: (line: string) => boolean, change: (line: string) => string) => (lines: string[]) =>
  lines.map(line => (test(line) ? change(line) : line))
const field = (index: number, change: (value: string) => string) => (line: string) => {
  const fields = line.split(/\s+/)
  fields[index] = change(fields[index]!)
  return fields.join(' ')
}
/** The wildcard's record and signature under another owner, as if it had been there all along. */
const passedOff = (lines: string[]) =>
  [
    ...lines,
    ...lines.filter(line => line.startsWith('*.wild.')).map(line => line.replace('*.wild.', 'forged.wild.')),
  ].filter(line => !/^forged\.wild\.\S+\s+\d+\s+IN\s+(NSEC|RRSIG\s+NSEC)\s/.test(line))

/** Each is a zone of its own below "lab.", or below another of them. */
export const ZONES: LabZone[] = [
  { name: 'signed.plain', sign: NSEC3 },
  { name: 'unsigned.plain', unsigned: true },
  { name: 'deep.empty.nsec3' },
  { name: 'unsigned.nsec3', unsigned: true },
  { name: 'signed.optout' },
  { name: 'unsigned.optout', unsigned: true },
  { name: 'far.away.optout', unsigned: true },
  { name: 'signed.unsigned' },
  { name: 'cut.nonsec', unsigned: true },
  { name: 'cut.expired' },
  { name: 'plain' },
  { name: 'nsec3', sign: NSEC3 },
  { name: 'salted', sign: ['-3', 'AABBCCDD', '-H', '10'] },
  { name: 'fifty', sign: ['-3', '-', '-H', '50'] },
  { name: 'fiftyone', sign: ['-3', '-', '-H', '51'] },
  { name: 'toomany', iterations: '151' },
  { name: 'optout', sign: [...NSEC3, '-A'] },
  { name: 'unsigned', unsigned: true },
  { name: 'island', ds: () => [] },
  { name: 'rsasha1', algorithm: 'RSASHA1' },
  { name: 'rsa256', algorithm: 'RSASHA256' },
  { name: 'rsa512', algorithm: 'RSASHA512', sign: NSEC3 },
  { name: 'p384', algorithm: 'ECDSAP384SHA384' },
  { name: 'ed25519', algorithm: 'ED25519', sign: NSEC3 },
  { name: 'ed448', algorithm: 'ED448' },
  { name: 'double', second: 'ED25519' },
  {
    name: 'halved',
    second: 'ED25519',
    mend: without(line => is('www', 'RRSIG')(line) && line.split(/\s+/)[5] === '15'),
  },
  { name: 'expired', sign: ['-s', ago(30), '-e', ago(10)] },
  { name: 'early', sign: ['-s', ahead(10), '-e', ahead(30)] },
  { name: 'altered', mend: changed(is('www', 'A'), line => line.replace('192.0.2.1', '192.0.2.66')) },
  { name: 'added', mend: lines => [...lines, lines.find(is('www', 'A'))!.replace('192.0.2.1', '192.0.2.77')] },
  { name: 'bare', mend: without(covers('www', 'A')) },
  { name: 'naked', mend: without(line => is('*', 'RRSIG')(line)) },
  {
    name: 'nonsec',
    // Without one at the apex BIND takes the zone for unsigned.
    mend: without(line => !line.startsWith('nonsec.') && (is('*', 'NSEC')(line) || covers('*', 'NSEC')(line))),
  },
  { name: 'nonsec3', sign: NSEC3, mend: without(line => is('*', 'NSEC3')(line) || covers('*', 'NSEC3')(line)) },
  { name: 'keyless', mend: without(line => is('*', 'DNSKEY')(line) || covers('*', 'DNSKEY')(line)) },
  { name: 'unsignedkeys', mend: without(covers('*', 'DNSKEY')) },
  {
    name: 'forgedkeys',
    mend: changed(
      is('*', 'DNSKEY'),
      field(4, () => '256'),
    ),
  },
  {
    name: 'nozonekey',
    mend: changed(
      is('*', 'DNSKEY'),
      field(4, () => '1'),
    ),
  },
  {
    name: 'signer',
    mend: changed(
      covers('www', 'A'),
      field(11, () => 'plain.lab.'),
    ),
  },
  {
    name: 'othertag',
    mend: changed(
      covers('www', 'A'),
      field(10, tag => String((Number(tag) + 1) % 65536)),
    ),
  },
  {
    name: 'original',
    mend: changed(
      covers('www', 'A'),
      field(7, () => '100'),
    ),
  },
  { name: 'forgedwild', mend: passedOff },
  { name: 'baddigest', ds: lines => lines.map(line => line.replace(/[0-9A-F]{8}$/, '00000000')) },
  {
    name: 'badtag',
    ds: lines => lines.map(line => line.replace(/DS (\d+)/, (_, tag) => `DS ${(Number(tag) + 1) % 65536}`)),
  },
  { name: 'strangedigest', ds: lines => lines.map(line => line.replace(/DS (\d+) (\d+) 2/, 'DS $1 $2 99')) },
  { name: 'strangealgorithm', ds: lines => lines.map(line => line.replace(/DS (\d+) \d+/, 'DS $1 99')) },
  { name: 'onegood', ds: lines => [...lines, ...lines.map(line => line.replace(/[0-9A-F]{8}$/, '00000000'))] },
  { name: 'strangebeside', ds: lines => [...lines, ...lines.map(line => line.replace(/DS (\d+) \d+/, 'DS $1 99'))] },
  {
    name: 'badbeside',
    ds: lines =>
      lines.flatMap(line => [
        line.replace(/[0-9A-F]{8}$/, '00000000'),
        line.replace(/DS (\d+) (\d+) 2/, 'DS $1 $2 99'),
      ]),
  },
]

/** What is asked about each zone: a name relative to it, and a type. */
export const QUESTIONS: [name: string, type: string][] = [
  ['@', 'SOA'],
  ['@', 'DNSKEY'],
  ['@', 'DS'],
  ['@', 'MX'],
  ['www', 'A'],
  ['www', 'AAAA'],
  ['alias', 'A'],
  ['a.b.wild', 'TXT'],
  ['a.wild', 'A'],
  ['forged.wild', 'TXT'],
  ['*.wild', 'TXT'],
  ['nothing', 'A'],
  ['a.b.nothing', 'AAAA'],
  ['ent', 'A'],
  ['x.ent', 'A'],
  ['secure', 'A'],
  ['insecure', 'A'],
  ['broken', 'A'],
  ['www.old', 'A'],
]
