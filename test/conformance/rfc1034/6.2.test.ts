import t from 'tap'
import { ask, type Expected, tells, zonesOf } from '../../zones/ask.ts'

/** RFC 1034 §6.1: the root zone of the example, and of the ISI.EDU domain what §6.2.7 needs, for C.ISI.EDU serves both. */
const zones = zonesOf({
  '.': `
$TTL 86400
.                IN SOA SRI-NIC.ARPA. HOSTMASTER.SRI-NIC.ARPA. 870611 1800 300 604800 86400
                 NS    A.ISI.EDU.
                 NS    C.ISI.EDU.
                 NS    SRI-NIC.ARPA.
MIL.             NS    SRI-NIC.ARPA.
                 NS    A.ISI.EDU.
EDU.             NS    SRI-NIC.ARPA.
                 NS    C.ISI.EDU.
SRI-NIC.ARPA.    A     26.0.0.73
                 A     10.0.0.51
                 MX    0 SRI-NIC.ARPA.
                 HINFO DEC-2060 TOPS20
ACC.ARPA.        A     26.6.0.65
                 HINFO PDP-11/70 UNIX
                 MX    10 ACC.ARPA.
USC-ISIC.ARPA.   CNAME C.ISI.EDU.
73.0.0.26.IN-ADDR.ARPA.   PTR SRI-NIC.ARPA.
65.0.6.26.IN-ADDR.ARPA.   PTR ACC.ARPA.
51.0.0.10.IN-ADDR.ARPA.   PTR SRI-NIC.ARPA.
52.0.0.10.IN-ADDR.ARPA.   PTR C.ISI.EDU.
103.0.3.26.IN-ADDR.ARPA.  PTR A.ISI.EDU.
A.ISI.EDU.       A     26.3.0.103
C.ISI.EDU.       A     10.0.0.52
`,
  'ISI.EDU.': `
$TTL 86400
@  IN SOA A.ISI.EDU. HOSTMASTER.ISI.EDU. 870611 1800 300 604800 86400
   NS  A.ISI.EDU.
A  A   26.3.0.103
C  A   10.0.0.52
`,
})

const NIC = ['SRI-NIC.ARPA. 86400 IN A 26.0.0.73', 'SRI-NIC.ARPA. 86400 IN A 10.0.0.51']
const SOA = '. 86400 IN SOA SRI-NIC.ARPA. HOSTMASTER.SRI-NIC.ARPA. 870611 1800 300 604800 86400'

const CASES: [string, string, Expected][] = [
  ['§6.2.1: addresses of a host', 'SRI-NIC.ARPA. A', { flags: ['AA'], answer: NIC, authority: [], additional: [] }],
  [
    '§6.2.2: QTYPE=* gives one RRset (RFC 8482 §4.1)',
    'SRI-NIC.ARPA. ANY',
    { flags: ['AA'], answer: NIC, authority: [] },
  ],
  [
    '§6.2.3: MX with the address of its target',
    'SRI-NIC.ARPA. MX',
    { flags: ['AA'], answer: ['SRI-NIC.ARPA. 86400 IN MX 0 SRI-NIC.ARPA.'], authority: [], additional: NIC },
  ],
  [
    '§6.2.4: a type that the name does not have (with the SOA of RFC 2308 §2.2)',
    'SRI-NIC.ARPA. NS',
    { rcode: 'NOERROR', flags: ['AA'], answer: [], authority: [SOA] },
  ],
  [
    '§6.2.5: a name that is not there',
    'SIR-NIC.ARPA. A',
    { rcode: 'NXDOMAIN', flags: ['AA'], answer: [], authority: [SOA] },
  ],
  [
    '§6.2.6: a referral',
    'BRL.MIL. A',
    {
      rcode: 'NOERROR',
      flags: [],
      answer: [],
      authority: ['MIL. 86400 IN NS SRI-NIC.ARPA.', 'MIL. 86400 IN NS A.ISI.EDU.'],
      additional: [...NIC, 'A.ISI.EDU. 86400 IN A 26.3.0.103'],
    },
  ],
  [
    '§6.2.7: an alias into another zone of this server',
    'USC-ISIC.ARPA. A',
    {
      rcode: 'NOERROR',
      flags: ['AA'],
      answer: ['USC-ISIC.ARPA. 86400 IN CNAME C.ISI.EDU.', 'C.ISI.EDU. 86400 IN A 10.0.0.52'],
      authority: [],
    },
  ],
  [
    '§6.2.8: the alias itself',
    'USC-ISIC.ARPA. CNAME',
    { flags: ['AA'], answer: ['USC-ISIC.ARPA. 86400 IN CNAME C.ISI.EDU.'], authority: [], additional: [] },
  ],
]

for (const [what, question, expected] of CASES) tells(t, ask(zones, question), expected, what)
