import fc from 'fast-check'
import t from 'tap'
import { Rcode } from '../../../dns/codes.ts'
import { parseName } from '../../../dns/name.ts'
import { BEST_PARAMETERS } from '../../../dns/nsec3.ts'
import { typeCode } from '../../../dns/types.ts'
import { createSignedWorld } from './world.ts'
import type { ZoneSpec } from './zone.ts'

const NSEC: ZoneSpec[] = [
  { apex: '.' },
  {
    apex: 'lab.',
    records: [
      'b.lab. A 192.0.2.1',
      'f.lab. A 192.0.2.2',
      'm.lab. A 192.0.2.3',
      '*.w.lab. A 192.0.2.4',
      'x.y.z.lab. A 192.0.2.5',
    ],
  },
  { apex: 'cut.lab.', signed: false, records: ['www.cut.lab. A 192.0.2.6'] },
]
const NSEC3 = (optOut: boolean): ZoneSpec[] =>
  NSEC.map(spec => (spec.apex === 'lab.' ? { ...spec, nsec3: { ...BEST_PARAMETERS, optOut } } : spec))

t.test('RFC 8198 §5.1: what an NSEC denies is not asked again', async t => {
  const world = createSignedWorld(NSEC)
  for (const name of ['c.lab.', 'd.lab.']) t.equal((await world.ask(name)).rcode, Rcode.NXDOMAIN)
  const before = world.asked.length
  const told = await world.ask('e.lab.', 'A', { dnssecOk: true })
  t.match(told, { rcode: Rcode.NXDOMAIN, ad: true, security: { reason: /RFC 8198/ } })
  t.match(told.authority, [/SOA/, /RRSIG/, /NSEC/, /RRSIG/], 'with the proof')
  t.match(await world.ask('deep.below.e.lab.'), { rcode: Rcode.NXDOMAIN, ad: true })
  t.match(
    await world.ask('b.lab.', 'TXT'),
    { rcode: Rcode.NOERROR, ad: true, answer: [] },
    'the NSEC of a name shows its types',
  )
  t.equal(world.asked.length, before, 'nobody was asked')
})

t.test('what is not denied is asked for', async t => {
  const world = createSignedWorld(NSEC)
  await world.ask('c.lab.')
  t.match((await world.ask('b.lab.')).answer, [/192\.0\.2\.1/], 'data of a name whose NSEC is known')
  t.match((await world.ask('f.lab.')).answer, [/192\.0\.2\.2/], 'the next name')
  t.match(await world.ask('a.w.lab.'), { rcode: Rcode.NOERROR, answer: [/192\.0\.2\.4/] }, 'a wildcard')
  await world.ask('cut.lab.', 'DS')
  t.match((await world.ask('www.cut.lab.')).answer, [/192\.0\.2\.6/], 'RFC 6840 §4.1: below a cut')
  t.match(await world.ask('y.z.lab.'), { rcode: Rcode.NOERROR, answer: [] }, 'an empty non-terminal')
})

t.test('RFC 8198 §5.4: no longer than the proof holds, nor the SOA', async t => {
  const world = createSignedWorld(NSEC)
  await world.ask('d.lab.')
  await world.clock.advance(200_000)
  t.match((await world.ask('e.lab.')).authority, [/^lab\. 100 IN SOA/])
  await world.clock.advance(101_000)
  const before = world.asked.length
  await world.ask('ee.lab.')
  t.ok(world.asked.length > before, 'asked again')
})

t.test('RFC 8198 §5.2: NSEC3, unless it opts out', async t => {
  for (const optOut of [false, true]) {
    const world = createSignedWorld(NSEC3(optOut))
    const names = Array.from({ length: 40 }, (_, i) => `n${i}.lab.`)
    for (const name of names) await world.ask(name)
    const before = world.asked.length
    for (const name of names) t.equal((await world.ask(`x.${name}`)).rcode, Rcode.NXDOMAIN)
    t.equal(world.asked.length - before, optOut ? names.length : 0)
    t.match((await world.ask('f.lab.')).answer, [/192\.0\.2\.2/])
  }
})

t.test('RFC 8198 §5.3: what a wildcard stands for is not asked for name by name', async t => {
  for (const specs of [NSEC, NSEC3(false)]) {
    const world = createSignedWorld(specs)
    await world.ask('a.w.lab.')
    const before = world.asked.length
    const told = await world.ask('b.a.w.lab.', 'A', { dnssecOk: true })
    t.match(told, { rcode: Rcode.NOERROR, ad: true, security: { reason: /RFC 8198/ } })
    t.match(told.answer, [/^b\.a\.w\.lab\. 300 IN A 192\.0\.2\.4/, /^b\.a\.w\.lab\. 300 IN RRSIG A 13 2/])
    t.match(told.authority, [/NSEC/, /RRSIG/], 'with the proof that there is nothing closer')
    t.equal(world.asked.length, before, 'nobody was asked')
    await world.clock.advance(100_000)
    t.match((await world.ask('d.a.w.lab.')).answer, [/ 200 IN A /], 'no longer than it holds')
    await world.clock.advance(200_000)
    await world.ask('e.a.w.lab.')
    t.equal(world.asked.length > before, true, 'and then asked for anew')
  }
  const world = createSignedWorld(NSEC3(true))
  await world.ask('a.w.lab.')
  const before = world.asked.length
  await world.ask('c.a.w.lab.')
  t.equal(world.asked.length > before, true, 'RFC 5155 §9.2: not where Opt-Out may have left out a delegation')
})

t.test('with CD nothing is made up', async t => {
  const world = createSignedWorld(NSEC)
  await world.ask('c.lab.')
  const before = world.asked.length
  await world.ask('d.lab.', 'A', { checkingDisabled: true })
  t.equal(world.asked.length, before + 1)
})

const label = fc.constantFrom('a', 'b', 'c', 'f', 'm', 'w', 'x', 'y', 'z', '*', 'cut', 'www', 'B', 'zz')
const questions = fc.array(
  fc.tuple(fc.array(label, { maxLength: 3 }), fc.constantFrom('A', 'TXT', 'DS', 'NS', 'SOA', 'CNAME')),
  { minLength: 1, maxLength: 12 },
)

t.test('in whatever order names are asked for, the answers are those of an authority', async () => {
  for (const specs of [NSEC, NSEC3(false), NSEC3(true)])
    await fc.assert(
      fc.asyncProperty(questions, async asked => {
        const world = createSignedWorld(specs)
        for (const [labels, type] of asked) {
          const name = [...labels, 'lab', ''].join('.')
          const told = await world.ask(name, type)
          const honest = world.tree.answer(parseName(name), typeCode(type)!)
          const records = honest.answer.filter(one => one.type === typeCode(type)).length
          if (told.rcode !== honest.rcode || told.answer.length !== records)
            throw new Error(
              `${name} ${type}: ${JSON.stringify(told)} instead of ${honest.rcode} and ${records} records`,
            )
        }
      }),
      { numRuns: 40, seed: 8198 },
    )
})
