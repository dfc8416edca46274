import fc from 'fast-check'
import t from 'tap'
import { Rcode } from '../../../dns/codes.ts'
import type { Fault } from '../faulty-database.ts'
import { lines, records } from '../lines.ts'
import { content, machine, type ZoneText } from '../split.ts'

const ALL = [{ names: ['**'] }]
const OVERLAY: ZoneText = { name: 'a.example.', overlay_of: 'in', show: ALL, hide_private: true, file: '/over' }

async function open(file = '', overlay: Partial<ZoneText> = {}) {
  const daemon = machine()
  daemon.files.set('/over', file)
  const config = (more: Partial<ZoneText> = {}) => ({
    in: [{ name: 'a.example.', dynamic: true }],
    out: [{ ...OVERLAY, ...overlay, ...more }],
  })
  await daemon.configure(config())
  return {
    ...daemon,
    config,
    base: (...updates: string[]) => daemon.update('in', updates),
    out: () => content(daemon.shown('out')),
  }
}

/** A base with one of everything that an overlay decides on. */
const BASE = [
  'www 60 IN A 192.0.2.1',
  'www 60 IN A 10.0.0.1',
  'priv 60 IN A 10.0.0.2',
  'alias 60 IN CNAME www',
  'dangling 60 IN CNAME priv',
  'far 60 IN CNAME www.b.example.',
  'm 60 IN MX 1 www',
  'm 60 IN MX 2 priv',
  '_s._tcp 60 IN SRV 1 1 1 priv',
  'sub 60 IN NS ns.priv',
  '*.w 60 IN A 192.0.2.3',
  'wild 60 IN CNAME foo.w',
]

t.test('what an overlay shows of its base, and follows in the same commit', async t => {
  const { base, out, database, serial, published } = await open()
  const before = database.commits
  published.length = 0
  t.match(await base(...BASE), { rcode: Rcode.NOERROR })
  t.equal(database.commits, before + 1)
  t.same(published, ['in', 'out'])
  t.same(
    out(),
    lines(
      records([
        'www 60 IN A 192.0.2.1',
        'alias 60 IN CNAME www',
        'far 60 IN CNAME www.b.example.',
        'm 60 IN MX 1 www',
        '*.w 60 IN A 192.0.2.3',
        'wild 60 IN CNAME foo.w',
      ]),
    ),
  )
  t.equal(serial('out'), 2)
  await base('priv 60 IN A 192.0.2.2')
  t.same(
    out().filter(line => line.includes('priv')),
    lines(
      records([
        'priv 60 IN A 192.0.2.2',
        'dangling 60 IN CNAME priv',
        'm 60 IN MX 2 priv',
        '_s._tcp 60 IN SRV 1 1 1 priv',
      ]),
    ),
  )
  await base('*.w 0 ANY A', 'www 0 ANY A')
  t.same(
    out().filter(line => /wild|alias/.test(line)),
    [],
  )
  t.equal(serial('out'), 4)
})

t.test('nothing is shown that no rule shows; the apex and wildcards only where they are meant', async t => {
  const updates = [
    '@ 60 IN TXT "apex"',
    'x.pub 60 IN A 192.0.2.1',
    'x.pub 60 IN TXT "t"',
    'y 60 IN A 192.0.2.2',
    '*.pub 60 IN A 192.0.2.3',
  ]
  const shownBy = async (show: NonNullable<ZoneText['show']>) => {
    const daemon = await open('', { show })
    await daemon.base(...updates)
    return daemon.out()
  }
  const expect = (...some: string[]) => lines(records(some))
  t.same(await shownBy([]), [])
  t.same(await shownBy([{ names: ['**.pub.a.example'], types: ['A'] }]), expect('x.pub 60 IN A 192.0.2.1'))
  t.same(
    await shownBy([{ names: ['**.pub.a.example'], types: ['A'], wildcards: true }]),
    expect('x.pub 60 IN A 192.0.2.1', '*.pub 60 IN A 192.0.2.3'),
  )
  t.same(await shownBy([{ names: ['a.example'] }]), expect('@ 60 IN TXT "apex"'))
  t.same(await shownBy(ALL), expect(...updates))
})

t.test('the owners and types of its file take the place of the base’s', async t => {
  const { base, out, files, configure, config, serial } = await open('www.a.example. 300 IN A 198.51.100.1\n')
  await base('www 60 IN A 192.0.2.1', 'www 60 IN TXT "base"', 'x 60 IN A 192.0.2.2', 'alias 60 IN CNAME www')
  const expect = (...some: string[]) => lines(records(some))
  t.same(
    out(),
    expect('www 300 IN A 198.51.100.1', 'www 60 IN TXT "base"', 'x 60 IN A 192.0.2.2', 'alias 60 IN CNAME www'),
  )
  const before = serial('out')
  files.set('/over', 'www 300 IN CNAME elsewhere.b.example.\nalias 300 IN A 198.51.100.2\n')
  await configure(config())
  t.same(out(), expect('www 300 IN CNAME elsewhere.b.example.', 'x 60 IN A 192.0.2.2', 'alias 300 IN A 198.51.100.2'))
  t.equal(serial('out'), before + 1)
  await configure(config())
  t.equal(serial('out'), before + 1, 'nothing changed')
  files.set('/over', '@ 300 IN SOA ns9 h 77 2 3 4 5\n@ 300 IN NS ns9\n')
  await configure(config())
  t.equal(serial('out'), 77)
  await base('x 0 ANY A')
  t.equal(serial('out'), 78)
  t.match(
    (await open('@ 300 IN NS ns9\n')).shown('out'),
    [/^a\.example\. 300 IN NS ns9\.a\.example\.$/, / SOA ns1\.server/],
    'the SOA is the base’s where the file has none',
  )
})

t.test('a private address is hidden in every shape', async t => {
  const { base, out } = await open()
  const hidden = ['10.1.1.1', '172.16.0.1', '172.31.255.255', '192.168.1.1', '100.64.0.1', '127.0.0.1', '169.254.1.1']
  await base(...hidden.map((address, i) => `h${i} 60 IN A ${address}`))
  const v6 = ['fd00::1', 'fc00::1', 'fe80::1', '::1', '::ffff:10.0.0.1']
  await base(...v6.map((address, i) => `s${i} 60 IN AAAA ${address}`))
  t.same(out(), [])
  await base('a 60 IN A 172.32.0.1', 'b 60 IN A 100.128.0.1', 'c 60 IN AAAA 2001:db8::1')
  t.equal(out().length, 3)
})

t.test('an update of an overlay is refused, and a record is whose it is in the base', async t => {
  const { base, update, zone } = await open()
  t.match(await update('out', ['x 60 IN A 192.0.2.1']), { rcode: Rcode.REFUSED })
  await base('x 60 IN A 192.0.2.1')
  t.equal(zone('out').holderOf(records(['x 60 IN A 192.0.2.1'])[0]!), 'dns.')
})

t.test('what the disk refuses of either, neither has', async t => {
  const { base, out, database, shown } = await open()
  database.next('fails')
  t.match(await base('x 60 IN A 192.0.2.1'), { rcode: Rcode.SERVFAIL })
  t.same(out(), [])
  t.same(content(shown('in')), [])
  database.next('reply is lost')
  t.match(await base('y 60 IN A 192.0.2.1'), { rcode: Rcode.SERVFAIL })
  await base('z 60 IN A 192.0.2.1')
  t.same(out(), content(shown('in')))
})

t.test('a base that is a file, and what it becomes by a reload', async t => {
  const daemon = machine()
  const zone = (serial: number, rest: string) => `@ 60 IN SOA ns h ${serial} 2 3 4 5\n@ 60 IN NS ns\n${rest}\n`
  daemon.files.set('/base', zone(5, 'www 60 IN A 192.0.2.1'))
  daemon.files.set('/over', '')
  const config = { in: [{ name: 'a.example.', file: '/base' }], out: [OVERLAY] }
  await daemon.configure(config)
  t.same(content(daemon.shown('out')), ['www.a.example. 60 IN A 192.0.2.1'])
  daemon.files.set('/base', zone(6, 'www 60 IN A 192.0.2.2'))
  await daemon.configure(config)
  t.same(content(daemon.shown('out')), ['www.a.example. 60 IN A 192.0.2.2'])
  t.equal(daemon.serial('out'), 6)
})

t.test('also_update: one update reaches the zones of all views, or none', async t => {
  const daemon = machine()
  const other = { name: 'a.example.', dynamic: true }
  await daemon.configure({ in: [{ ...other, also_update: ['out'] }], out: [other] })
  await daemon.update('out', ['taken 60 IN CNAME x', 'old 60 IN A 192.0.2.9'])
  t.match(await daemon.update('in', ['www 60 IN A 192.0.2.1']), { rcode: Rcode.NOERROR })
  for (const view of ['in', 'out']) t.ok(daemon.shown(view).includes('www.a.example. 60 IN A 192.0.2.1'), view)
  const commits = daemon.database.commits
  await daemon.update('in', ['both 60 IN A 192.0.2.2'])
  t.equal(daemon.database.commits, commits + 1)
  daemon.database.next('fails')
  t.match(await daemon.update('in', ['lost 60 IN A 192.0.2.2']), { rcode: Rcode.SERVFAIL })
  for (const view of ['in', 'out']) t.notOk(daemon.shown(view).join().includes('lost'), view)
  await daemon.update('out', ['alone 60 IN A 192.0.2.3'])
  t.notOk(daemon.shown('in').join().includes('alone'), 'not the other way')
})

const NAMES = ['a', 'b', 'c', '*.w', 'x.w', 'sub', 'n.sub']
const TARGETS = ['a', 'b', 'c', 'y.w', 'x.w', 'n.sub', 'out.b.example.']
const name = fc.constantFrom(...NAMES)
const target = fc.constantFrom(...TARGETS)
const line = fc.oneof(
  fc.tuple(name, fc.constantFrom('192.0.2.1', '10.0.0.1', '192.0.2.2')).map(([n, a]) => `${n} 60 IN A ${a}`),
  fc.tuple(name, target).map(([n, to]) => `${n} 60 IN CNAME ${to}`),
  fc.tuple(name, target).map(([n, to]) => `${n} 60 IN MX 1 ${to}`),
  fc.tuple(fc.constantFrom('_s._tcp', 'a'), target).map(([n, to]) => `${n} 60 IN SRV 1 1 1 ${to}`),
  target.map(to => `sub 60 IN NS ${to}`),
  name.map(n => `${n} 60 IN TXT "t"`),
)
const update = fc.oneof(
  { weight: 4, arbitrary: line },
  { weight: 1, arbitrary: line.map(text => `${text.split(' ')[0]} 0 ANY ${text.split(' ')[3]}`) },
  { weight: 1, arbitrary: name.map(n => `${n} 0 ANY ANY`) },
)
const SHOW: NonNullable<ZoneText['show']>[] = [
  ALL,
  [{ names: ['*', '*.w.a.example', '_s.*'], types: ['A', 'CNAME', 'MX', 'SRV', 'NS'] }],
  [{ names: ['*.w.a.example'], wildcards: true }, { names: ['a', 'c'].map(one => `${one}.a.example`) }],
]
const step = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('update' as const),
      updates: fc.array(update, { minLength: 1, maxLength: 3 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('file' as const), file: fc.array(line, { maxLength: 3 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('rules' as const), show: fc.nat(2), hide: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('restart' as const) }) },
)
const fault = fc.constantFrom<Fault>('none', 'none', 'none', 'fails', 'reply is lost')

t.test('whatever is updated, edited, restarted and lost, an overlay is as defined', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(step, fault), { maxLength: 14 }), async steps => {
      const daemon = await open()
      let file: string[] = []
      let rules = { show: SHOW[0]!, hide_private: true }
      for (const [step, fault] of steps) {
        const before = { in: daemon.serial('in'), out: daemon.serial('out') }
        if (step.kind === 'update') {
          daemon.database.next(fault)
          await daemon.base(...step.updates)
          if (daemon.serial('in') > before.in && daemon.serial('out') <= before.out) return false
          if (fault === 'none' && expected(daemon.shown('in'), file, rules).join('\n') !== daemon.out().join('\n'))
            return false
          continue
        }
        daemon.database.calm()
        if (step.kind === 'file') {
          const next = consistent(step.file)
          if (next) file = next
          daemon.files.set('/over', file.join('\n'))
        } else if (step.kind === 'rules') rules = { show: SHOW[step.show]!, hide_private: step.hide }
        else daemon.restart()
        await daemon.configure(daemon.config(rules))
      }
      daemon.database.calm()
      await daemon.base('last 60 IN A 192.0.2.9')
      return expected(daemon.shown('in'), file, rules).join('\n') === daemon.out().join('\n')
    }),
    { numRuns: 200 },
  )
})

/** The file, where it is one that a zone can have. */
function consistent(file: string[]): string[] | undefined {
  const types = new Map<string, string[]>()
  for (const text of new Set(file)) {
    const [owner, , , type] = text.split(' ')
    types.set(owner!, [...(types.get(owner!) ?? []), type!])
  }
  return [...types.values()].every(list => list.length === 1 || !list.includes('CNAME')) ? file : undefined
}

type Row = { owner: string; type: string; data: string[]; line: string }
const row = (text: string): Row => {
  const [owner, , , type, ...data] = text.split(' ')
  return { owner: owner!, type: type!, data, line: text }
}

/** The contract's paragraph, word for word and from scratch. */
function expected(
  base: readonly string[],
  file: readonly string[],
  rules: { show: typeof ALL; hide_private: boolean },
): string[] {
  const own = lines(records(file))
    .filter((text, i, all) => all.indexOf(text) === i)
    .map(row)
  const shows = (owner: string, type: string) =>
    (rules.show as NonNullable<ZoneText['show']>).some(rule => {
      if (rule.types && !rule.types.includes(type)) return false
      return rule.names.some(pattern => {
        if (pattern === '**') return true
        if (owner.startsWith('*') && !rule.wildcards) return false
        const text = pattern.endsWith('.a.example') ? `${pattern}.` : `${pattern}.a.example.`
        return new RegExp(`^${text.replaceAll('.', '\\.').replaceAll('*', '[^.]+')}$`).test(owner)
      })
    })
  const candidates = content(base)
    .map(row)
    .filter(({ owner, type }) => shows(owner, type))
    .filter(({ type, data }) => !(rules.hide_private && type === 'A' && data[0]!.startsWith('10.')))
    .filter(({ owner, type }) => !own.some(one => one.owner === owner && (one.type === type || one.type === 'CNAME')))
    .filter(({ owner, type }) => !(type === 'CNAME' && own.some(one => one.owner === owner)))
  const shown = [...own]
  let waiting = candidates
  for (let count = -1; count !== shown.length; ) {
    count = shown.length
    const now = [...waiting]
    waiting = []
    for (const one of now) {
      if (leads(one, shown)) shown.push(one)
      else waiting.push(one)
    }
  }
  return shown.map(({ line }) => line).sort()
}

function leads({ type, data }: Row, shown: readonly Row[]): boolean {
  const target = data.at(-1)!
  if (!['CNAME', 'MX', 'SRV', 'NS'].includes(type) || !target.endsWith('a.example.')) return true
  const serves = (owner: string) =>
    shown.some(one => one.owner === owner && (type === 'CNAME' || ['A', 'AAAA', 'CNAME'].includes(one.type)))
  if (serves(target)) return true
  for (let at = target; at !== 'a.example.'; ) {
    at = at.slice(at.indexOf('.') + 1)
    if (serves(`*.${at}`)) return true
    if (type !== 'NS' && at !== 'a.example.' && shown.some(one => one.owner === at && one.type === 'NS')) return true
  }
  return false
}
