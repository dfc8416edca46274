import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { nastyZones } from './differential/generator.ts'
import { serveByBind } from './differential/peers.ts'
import { freePorts, scratch, without } from './tools.ts'
import { askUnbound, askUs, openDelv, openUnbound, ourResolver, startUnbound } from './validation/judges.ts'
import { buildZone } from './validation/laboratory.ts'

t.setTimeout(300_000)

const SEEDS = Number(process.env['DIFFERENTIAL_ZONES'] ?? 8)
const FIRST = Number(process.env['DIFFERENTIAL_FIRST'] ?? 0)
const TYPES = ['A', 'AAAA', 'NS', 'CNAME', 'MX', 'DS', 'SOA']
const MOST_SHOWN = Number(process.env['DIFFERENTIAL_SHOWN'] ?? 10)

/** How a zone may prove what is not there. */
const CHAINS = [[], ['-3', '-', '-H', '0'], ['-3', 'AABB', '-H', '2', '-A']]

t.test(
  'signed zones full of wildcards, cuts and aliases are validated as unbound does',
  { skip: without('named', 'unbound', 'delv', 'dnssec-signzone', 'dnssec-keygen', 'dnssec-dsfromkey') },
  async t => {
    const folder = scratch(t)
    mkdirSync(join(folder, 'zones'))
    const zones = Array.from({ length: SEEDS }, (_, i) => nastyZones(FIRST + i)[0]!)
    const files = new Map<string, string>()
    const cuts: string[] = []
    for (const [i, { origin, text }] of zones.entries()) {
      const ds = await buildZone(folder, origin, text, { name: `z${i}`, sign: CHAINS[i % CHAINS.length]! }, files)
      cuts.push(`${origin} NS ns.test.`, ...ds)
    }
    const soa = (apex: string) => `$TTL 300\n${apex} SOA ns.test. h.test. 1 3600 600 86400 300\n${apex} NS ns.test.\n`
    const test = `${soa('test.')}ns.test. A 127.0.0.1\n${cuts.join('\n')}\n`
    const ds = await buildZone(folder, 'test.', test, { name: 'test' }, files)
    const root = `${soa('.')}test. NS ns.test.\nns.test. A 127.0.0.1\n${ds.join('\n')}\n`
    const [anchor] = await buildZone(folder, '.', root, { name: 'root' }, files)
    const [authority, judge] = (await freePorts(2)) as [number, number]
    serveByBind(t, authority, files)
    startUnbound(t, folder, judge, authority, { anchor: anchor! })
    const unbound = await openUnbound(t, judge, 'ns.test.')
    const resolver = ourResolver(t, authority, { anchor: anchor! })
    const askDelv = openDelv(folder, authority, { anchor: anchor! })
    const differences: string[] = []
    const tally: Record<string, number> = {}
    // unbound has an answer of its own for the others.
    for (const { names } of zones)
      for (const name of names.filter(name => name.toLowerCase().endsWith('.test.')))
        for (const type of TYPES) {
          const [ours, theirs] = await Promise.all([askUs(resolver, name, type), askUnbound(unbound, name, type)])
          if (isBeyondComparison(type, ours.why, theirs)) continue
          // RFC 6672 §5.3.1: the alias that a DNAME makes has no signature. unbound 1.17 wants one where the alias is what is asked for.
          if (type === 'CNAME' && ours.redirected && theirs === 'SERVFAIL') {
            t.equal(ours.status, await askDelv(name, type), `${name} CNAME, by delv`)
            continue
          }
          tally[theirs] = (tally[theirs] ?? 0) + 1
          if (ours.status !== theirs)
            differences.push(`${name} ${type}: ${ours.status} (${ours.why}), unbound says ${theirs}`)
        }
    t.comment(JSON.stringify(tally))
    t.equal(differences.length, 0)
    for (const difference of differences.slice(0, MOST_SHOWN)) t.fail(difference)
  },
)

/** Where it is not validation that differs. */
function isBeyondComparison(type: string, why: string, theirs: string): boolean {
  // A referral: the authority is no resolver, and what is below its zones is not there.
  if (why.endsWith('answered nothing of use')) return true
  // At the end of an alias BIND has the child deny its own DS; unbound asks again.
  if (/^the denial of \S+ DS came/.test(why)) return true
  if (!why.includes('RFC 8198')) return false
  // Where BIND's proof is not whole, what was learned before may be. unbound's memory of denied DS takes a wildcard that is an empty
  // non-terminal (RFC 4592 §2.2.2) for none.
  return theirs === 'SERVFAIL' || (type === 'DS' && theirs === 'NXDOMAIN secure')
}
