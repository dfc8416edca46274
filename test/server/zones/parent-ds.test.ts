import t from 'tap'
import { Class, Rcode } from '../../../dns/codes.ts'
import { parseName } from '../../../dns/name.ts'
import { makeRdata, Type } from '../../../dns/types.ts'
import type { Resolver, ResolverAnswer } from '../../../resolver/resolver.ts'
import type { ServingView } from '../../../server/requests/state.ts'
import { askParents } from '../../../server/zones/parent-ds.ts'
import { ZoneTable } from '../../../zones/lookup/table.ts'
import { imageOf } from '../../zones/ask.ts'

const ORIGIN = parseName('a.example.')
const DS = makeRdata('DS', { keyTag: 1, algorithm: 13, digestType: 2, digest: new Uint8Array(32) })
const PARENT = '@ SOA ns hostmaster 1 3600 600 86400 60\n@ NS ns\nns A 192.0.2.1\na NS ns\n'

function view(zone: string | undefined, resolved?: Partial<ResolverAnswer>): ServingView {
  const zones = new ZoneTable(zone === undefined ? [] : [imageOf('example.', zone)])
  const resolver: Partial<Resolver> = {
    covers: () => resolved !== undefined,
    resolve: async () => ({ rcode: Rcode.NOERROR, answer: [], ...resolved }) as ResolverAnswer,
  }
  return { zones, resolver } as unknown as ServingView
}

t.test('each view that can tell says what the parent has', async t => {
  const record = { owner: ORIGIN, type: Type.DS, class: Class.IN, ttl: 60, rdata: DS }
  const cases: [what: string, view: ServingView, seen: unknown][] = [
    ['our own parent zone', view(`${PARENT}a 300 DS 1 13 2 ${'00'.repeat(32)}\n`), [{ ds: [DS], ttl: 300_000 }]],
    ['our own parent zone, without a DS', view(PARENT), [{ ds: [], ttl: 0 }]],
    ['a forward rule', view(undefined, { answer: [record] }), [{ ds: [DS], ttl: 60_000 }]],
    ['a forward rule, no DS', view(undefined, {}), [{ ds: [], ttl: 0 }]],
    ['an upstream that fails', view(undefined, { rcode: Rcode.SERVFAIL }), []],
    ['no way to the parent', view(undefined), []],
  ]
  for (const [what, one, seen] of cases) t.strictSame(await askParents([one], ORIGIN), seen, what)
})
