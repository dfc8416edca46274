import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { Class } from '../../../dns/codes.ts'
import { parseName } from '../../../dns/name.ts'
import { Type } from '../../../dns/types.ts'
import { createZoneLoader } from '../../../server/zones/zone-loader.ts'

const ORIGIN = parseName('a.example.')
/** A comment that makes a file large enough for a thread of its own. */
const PADDING = `; ${'x'.repeat(1 << 20)}\n`
const RECORD = { type: Type.A, class: Class.IN, ttl: 60, rdata: Uint8Array.of(192, 0, 2, 3) }
const HEAD = '$TTL 60\n@ SOA ns1 h 1 1 1 1 1\n@ NS ns1\nns1 A 192.0.2.1\n'
/** What only the reader in this thread is given: that it is asked shows where the file was read. */
const HERE = 'here A 192.0.2.2\n'

for (const [name, padding, here] of [
  ['a small file is read at once', '', true],
  ['a large one in a thread', PADDING, false],
] as const)
  t.test(name, async t => {
    const folder = t.testdir()
    const file = join(folder, 'z')
    const put = (text: string) => writeFileSync(file, text + padding)
    const read = createZoneLoader(() => HEAD + HERE)

    put(HEAD)
    const zone = await read(file, ORIGIN)
    t.strictSame(zone!.errors, [])
    t.equal(zone!.image!.latest().rrset(parseName('here.a.example.'), Type.A) !== undefined, here)
    t.equal(await read(file, ORIGIN, zone!.digest), undefined, 'what is applied already is not read again')
    const image = zone!.image!
    const records = [...image.latest().rrsets()]
    const added = { ...RECORD, owner: parseName('new.a.example.') }
    t.equal(image.apply(image.latest(), { deleted: [], added: [added] })!.size(), image.latest().size() + 1)
    t.strictSame([...image.latest().rrsets()], records, 'what is changed then is written behind what was read')
    if (here) return

    put(`${HEAD}www A 192.0.2.256\nwww A x\n`)
    const broken = await read(file, ORIGIN)
    t.equal(broken!.image, undefined)
    t.match(broken!.errors, [
      { name: 'ZonefileError', file, line: 5, column: 7, message: /z:5:7: / },
      { line: 6, column: 7 },
    ])
    put(`${HEAD}www 60 A 192.0.2.2\nwww 61 A 192.0.2.3\n`)
    t.match((await read(file, ORIGIN))!.warnings, [{ line: 6, message: /TTL 61 differs/ }])
  })

t.test('a file that is gone is an error of its own', async t => {
  const gone = () => {
    throw new Error('ENOENT')
  }
  const zone = await createZoneLoader(gone)(join(t.testdir(), 'none'), ORIGIN)
  t.match(zone!.errors, [{ line: 1, column: 1, message: /can't be read: ENOENT/ }])
})
