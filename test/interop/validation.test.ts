import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { Daemon } from './daemon.ts'
import { serveByBind } from './differential/peers.ts'
import { freePorts, run, scratch, without } from './tools.ts'
import { askUnbound, askUs, openDelv, openUnbound, ourResolver, startUnbound } from './validation/judges.ts'
import { buildLaboratory, type Laboratory } from './validation/laboratory.ts'
import { QUESTIONS, ZONES } from './validation/zones.ts'

t.setTimeout(300_000)

/** Asked where not all is. */
const ASKED = [
  ['www', 'A'],
  ['nothing', 'A'],
  ['a.b.wild', 'TXT'],
] as const
/** Asked as an authority, which unbound can't be where referrals lead to another port: the whole tree, and zones by themselves deep in it. */
const STUBS = ['lab.', 'unsigned.plain.lab.', 'signed.optout.lab.']

/** Where we mean to differ from unbound: zone → what ours says of everything in it. */
const DELIBERATE: Record<string, string> = {
  // RFC 9905 §2: RSASHA1 counts as unsigned.
  rsasha1: 'insecure',
  // RFC 9276 §3.2: unbound 1.17 goes up to 150 iterations; we take what is above 50 for unsigned and what is above 150 for bogus.
  fiftyone: 'insecure',
  toomany: 'SERVFAIL',
}

t.test(
  'a signed tree, much of it broken',
  { skip: without('named', 'unbound', 'delv', 'dnssec-signzone', 'ldns-signzone') },
  async t => {
    const folder = scratch(t)
    const laboratory = await buildLaboratory(folder)
    const [authority, judge] = (await freePorts(2)) as [number, number]
    serveByBind(t, authority, laboratory.files)
    startUnbound(t, folder, judge, authority, laboratory)
    const unbound = await openUnbound(t, judge, 'www.plain.lab.')
    const resolver = ourResolver(t, authority, laboratory)

    await t.test('is judged as unbound judges it', async t => {
      const differences: string[] = []
      const tally: Record<string, number> = {}
      for (const zone of ZONES)
        for (const [label, type] of QUESTIONS) {
          const name = label === '@' ? `${zone.name}.lab.` : `${label}.${zone.name}.lab.`
          const [first, theirs] = await Promise.all([askUs(resolver, name, type), askUnbound(unbound, name, type)])
          // What was learned before may answer without being asked, and what is forged is not seen then: who knows nothing has to ask.
          const ours = first.why.includes('RFC 8198')
            ? await askUs(ourResolver(t, authority, laboratory), name, type)
            : first
          tally[theirs] = (tally[theirs] ?? 0) + 1
          // Without its NSEC records BIND can't answer at all.
          const fails = / answered /.test(ours.why) && !zone.name.endsWith('nonsec')
          if (fails || (ours.status !== theirs && !isDeliberate(zone.name, ours.status)))
            differences.push(`${name} ${type}: ${ours.status} (${ours.why}), unbound says ${theirs}`)
        }
      t.comment(JSON.stringify(tally))
      t.same(differences, [])
    })

    await t.test('is judged the same through a recursive server', async t => {
      const far = ourResolver(t, judge, laboratory)
      for (const { name } of ZONES)
        for (const [label, type] of ASKED) {
          const owner = `${label}.${name}.lab.`
          const [near, through] = await Promise.all([askUs(resolver, owner, type), askUs(far, owner, type)])
          t.equal(through.status, near.status, `${owner} (${through.why})`)
        }
    })

    await t.test('is judged as delv judges it', async t => {
      const askDelv = openDelv(folder, authority, laboratory)
      for (const { name } of ZONES) {
        if (DELIBERATE[name]) continue
        const owner = `www.${name}.lab.`
        const [ours, theirs] = await Promise.all([askUs(resolver, owner, 'A'), askDelv(owner, 'A')])
        t.equal(ours.status, theirs, `${owner} (${ours.why})`)
      }
    })

    await t.test('is judged the same where it is a stub zone', async t => {
      const stub = ourResolver(t, authority, laboratory, STUBS)
      for (const { name } of ZONES)
        for (const [label, type] of ASKED) {
          const owner = `${label}.${name}.lab.`
          const [asked, forwarded] = await Promise.all([askUs(stub, owner, type), askUs(resolver, owner, type)])
          // Without its NSEC records BIND can't answer at all.
          const fails = / answered /.test(asked.why) && name.endsWith('nonsec')
          if (!fails) t.equal(asked.status, forwarded.status, `${owner} ${type} (${asked.why})`)
        }
    })

    await t.test('is judged by the daemon', t => throughDaemon(t, authority, laboratory))
  },
)

/** The daemon with the laboratory's anchor in a file, asked by dig, and told to leave a broken zone alone. */
async function throughDaemon(t: Test, upstream: number, { anchor }: Laboratory): Promise<void> {
  const file = join(scratch(t), 'root.ds')
  writeFileSync(file, `${anchor}\n`)
  const daemon = await Daemon.start(t, {
    config: ({ dns }) => `data_dir: data
name: ns1.example
listen: { dns: ["127.0.0.1:${dns}"] }
workers: 1
views:
  - { name: all, recursion: [any], forward: [{ zone: ".", to: ["127.0.0.1:${upstream}"], dnssec: validate }] }
trust_anchors: [{ file: ${file} }]
`,
  })
  const ask = async (...args: string[]) => {
    const { stdout } = await run('dig', ['@127.0.0.1', '-p', String(daemon.ports.dns), '+tries=1', '+time=4', ...args])
    return stdout
  }
  const secure = await ask('+dnssec', 'www.plain.lab', 'A')
  t.match(secure, /flags: qr rd ra ad;/, 'AD for who sets DO')
  t.match(secure, /RRSIG/, 'and signatures')
  const plain = await ask('+noadflag', 'www.plain.lab', 'A')
  t.match(plain, /flags: qr rd ra;/, 'RFC 6840 §5.8: no AD for who sets neither DO nor AD')
  t.notMatch(plain, /RRSIG/, 'RFC 4035 §3.2.1: no signatures without DO')
  t.match(await ask('www.plain.lab', 'A'), /flags: qr rd ra ad;/, 'RFC 6840 §5.7: AD for who sets AD')
  const bogus = await ask('www.expired.lab', 'A')
  t.match(bogus, /status: SERVFAIL/, 'SERVFAIL for what is bogus')
  t.match(bogus, /EDE: 7/, 'RFC 8914 §4.8: the signature has expired')
  const unchecked = await ask('+cd', 'www.expired.lab', 'A')
  t.match(unchecked, /status: NOERROR/, 'RFC 4035 §3.2.2: with CD the answer comes as it is')
  t.match(unchecked, /flags: qr rd ra cd;/)
  t.match((await daemon.cli('explain', 'www.plain.lab')).stdout, /DNSSEC: secure/)
  t.match(
    (await daemon.cli('explain', 'www.unsigned.lab')).stdout,
    /DNSSEC: insecure: .*proves that unsigned\.lab\. is not signed/,
  )
  await t.resolveMatch(daemon.cli('nta', 'add', 'expired.lab', '--for', '10m', '--why', 'they know'), { status: 0 })
  const exempt = await ask('+dnssec', 'www.expired.lab', 'A')
  t.match(exempt, /status: NOERROR/, 'RFC 7646: a negative trust anchor')
  t.match(exempt, /flags: qr rd ra;/)
  t.match(
    (await daemon.cli('explain', 'www.expired.lab')).stdout,
    /a negative trust anchor for expired\.lab\. stands until/,
  )
  const status = JSON.parse((await daemon.cli('status', '--json')).stdout)
  t.match(status.validation, {
    anchors: [/^\. DS/],
    negative: [{ zone: 'expired.lab.', why: 'they know' }],
    problems: [],
  })
  t.match(status.validation.root_keys, [/valid since/], 'RFC 5011: the key that the anchor points at')
  await t.resolveMatch(daemon.cli('nta', 'remove', 'expired.lab'), { status: 0 })
  t.match(await ask('www.expired.lab', 'A'), /status: SERVFAIL/)
  t.equal(await daemon.end('SIGTERM'), 0)
}

function isDeliberate(zone: string, status: string): boolean {
  const meant = DELIBERATE[zone]
  return meant !== undefined && status.endsWith(meant)
}
