import t from 'tap'
import { addressBytes, parsePrefix } from '../../config/address.ts'
import type { MatchConfig } from '../../config/view-schema.ts'
import { parseName } from '../../dns/name.ts'
import { chooseView, type RequestFacts } from '../../zones/views.ts'

const prefixes = (...texts: string[]) => texts.map(text => parsePrefix(text)!)
const at = (text: string, port: number) => ({ bytes: addressBytes(text)!, port })
const key = (text: string) => parseName(`${text}.`)

const views: { name: string; match: MatchConfig }[] = [
  { name: 'keys only', match: { keys: [key('update')] } },
  { name: 'corp', match: { clients: prefixes('10.0.0.0/8', '2001:db8::/32'), keys: [key('corp'), key('both')] } },
  { name: 'by address', match: { destinations: [at('192.0.2.1', 53), at('192.0.2.2', 0)], keys: [] } },
  { name: 'by path', match: { doh_path: ['/dns-query/x'], keys: [] } },
  {
    name: 'all kinds',
    match: {
      clients: prefixes('172.16.0.0/12'),
      destinations: [at('192.0.2.9', 53)],
      doh_path: ['/a'],
      keys: [key('both')],
    },
  },
  { name: 'local', match: { clients: prefixes('127.0.0.0/8'), keys: [] } },
]
const open = [...views, { name: 'everybody', match: { keys: [] } as MatchConfig }]

const from = (client: string, more: Partial<RequestFacts> = {}): RequestFacts => ({
  client: addressBytes(client)!,
  ...more,
})

const CASES: [string, RequestFacts, string | undefined][] = [
  ['by client', from('10.1.2.3'), 'corp'],
  ['by client, IPv6', from('2001:db8::7'), 'corp'],
  ['by client, IPv4 in IPv6', from('::ffff:10.1.2.3'), 'corp'],
  ['by key, whatever the address', from('198.51.100.1', { key: key('update') }), 'keys only'],
  ['by key, ignoring case', from('198.51.100.1', { key: key('CORP') }), 'corp'],
  ['by a key that two views list: the first', from('172.16.0.1', { key: key('both') }), 'corp'],
  ['by a key that no view lists: as any other request', from('127.0.0.1', { key: key('stranger') }), 'local'],
  ['a view with only keys is not for unsigned requests', from('127.0.0.1'), 'local'],
  ['by destination and port', from('198.51.100.1', { destination: at('192.0.2.1', 53) }), 'by address'],
  ['by destination, another port', from('198.51.100.1', { destination: at('192.0.2.1', 54) }), undefined],
  ['by destination, any port', from('198.51.100.1', { destination: at('192.0.2.2', 54) }), 'by address'],
  ['by path', from('198.51.100.1', { dohPath: '/dns-query/x' }), 'by path'],
  ['by another path', from('198.51.100.1', { dohPath: '/dns-query' }), undefined],
  ['all kinds must hold', from('172.16.0.1', { destination: at('192.0.2.9', 53), dohPath: '/a' }), 'all kinds'],
  ['all but one', from('172.16.0.1', { destination: at('192.0.2.9', 53) }), undefined],
  ['nobody’s', from('198.51.100.1'), undefined],
]

for (const [what, facts, expected] of CASES) {
  t.equal(chooseView(views, facts)?.name, expected, what)
  t.equal(chooseView(open, facts)?.name, expected ?? 'everybody', `${what}, with a view for everybody`)
}
