import t from 'tap'
import { load, shown } from './sources.ts'

const views = (inside: string, outside: string) => `listen: { dns: ["127.0.0.1:53"] }
views:
  - { name: inside, match: { clients: [localhost] }, zones: [{ name: example.com, file: a, ${inside} }] }
  - { name: outside, zones: [{ name: example.com, file: b, ${outside} }] }`
const signed = (more = '') => `dnssec: { sign: true${more} }`

const { errors: none, warnings: quiet } = load(views(signed(), signed(', nsec3: true')))
t.same([...none, ...quiet], [], 'views may prove absence in different ways')

const doubted = load(views(signed(), 'dynamic: false'))
t.same(shown(doubted.warnings), [
  '3:100: example.com is signed here and not in the view outside: once its parent has a DS, validators in that view take it for bogus',
])

const refused = load(views(signed(), signed(', keys: ksk-zsk, zsk_lifetime: 30d')))
t.same(shown(refused.errors), [
  '4:88: views share the keys of example.com: keys must be as in the view inside',
  '4:111: views share the keys of example.com: zsk_lifetime must be as in the view inside',
])
