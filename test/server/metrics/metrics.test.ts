import t from 'tap'
import {
  cellOf,
  countSpan,
  createCounters,
  exposeMetrics,
  METRICS,
  MOST_VIEWS,
  rcodeCells,
  requestCell,
  sumCounters,
  viewCell,
} from '../../../server/metrics/metrics.ts'

t.test('numbers of all threads are summed, with HELP and TYPE before them', async t => {
  const threads = [createCounters(), createCounters()]
  for (const [i, buffer] of threads.entries()) {
    const counters = new Float64Array(buffer)
    counters[cellOf('namestead_dns_answer_cache_total', 'hit')] = 10 + i
    counters[requestCell('tls', 5)] = 2 ** 40
  }
  const text = exposeMetrics(threads)
  t.match(
    text,
    '# HELP namestead_dns_answer_cache_total Look-ups in the answer cache\n# TYPE namestead_dns_answer_cache_total counter\n',
  )
  t.match(text, 'namestead_dns_answer_cache_total{result="hit"} 21\n')
  t.match(text, `namestead_dns_requests_total{transport="tls",opcode="UPDATE"} ${2 ** 41}\n`)
  t.match(text, 'namestead_dns_truncated_total 0\n', 'a metric without labels')
})

t.test('every number has a place of its own', async t => {
  const threads = [createCounters()]
  const counters = new Float64Array(threads[0]!)
  for (let i = 0; i < counters.length; i++) counters[i] = i + 1
  const isSpan = (line: string) => line.startsWith('namestead_dns_response_seconds')
  const views = [...Array(MOST_VIEWS).keys()].map(slot => `view${slot}`)
  const lines = exposeMetrics(threads, views)
    .split('\n')
    .filter(line => line !== '' && !line.startsWith('#'))
  const samples = lines.filter(line => !isSpan(line))
  // A histogram is told cumulatively, and its count is the sum of the others.
  const spans = lines.filter(isSpan).length - 1
  t.equal(samples.length + spans, counters.length)
  const told = samples.map(line => Number(line.split(' ').at(-1)))
  const from = cellOf('namestead_dns_response_seconds', '0.00001')
  t.same(
    told,
    Array.from(counters).filter((_, cell) => cell < from || cell >= from + spans),
  )
  t.equal(new Set(lines.map(line => line.split(' ')[0])).size, lines.length, 'and a name of its own')
})

t.test('views are told by their names, and what they never answered is left out', async t => {
  const threads = [createCounters(), createCounters()]
  for (const buffer of threads) new Float64Array(buffer)[viewCell(1, 3)]! += 2
  new Float64Array(threads[0]!)[viewCell(99, 0)]! += 1
  const text = exposeMetrics(threads, ['inside', 'outside'])
  t.match(text, 'namestead_dns_view_responses_total{view="outside",rcode="NXDOMAIN"} 4\n')
  t.match(text, 'namestead_dns_view_responses_total{view="other",rcode="NOERROR"} 1\n', 'a view without a slot')
  t.notMatch(text, 'view="inside"')
  t.strictSame(sumCounters(threads).views.get(1), { NXDOMAIN: 4 })
})

t.test('times are told as a cumulative histogram', async t => {
  const threads = [createCounters()]
  const counters = new Float64Array(threads[0]!)
  countSpan(counters, 0.05, 64)
  countSpan(counters, 30)
  countSpan(counters, 60_000)
  const text = exposeMetrics(threads)
  t.match(text, '# TYPE namestead_dns_response_seconds histogram\n')
  t.match(text, 'namestead_dns_response_seconds_bucket{le="0.00001"} 0\n')
  t.match(text, 'namestead_dns_response_seconds_bucket{le="0.0001"} 64\n')
  t.match(text, 'namestead_dns_response_seconds_bucket{le="0.05"} 65\n')
  t.match(text, 'namestead_dns_response_seconds_bucket{le="+Inf"} 66\nnamestead_dns_response_seconds_sum 60.03')
  t.match(text, 'namestead_dns_response_seconds_count 66\n')
})

t.test('names are as Prometheus wants them', async t => {
  for (const [name, { kind }] of Object.entries(METRICS)) {
    t.match(name, /^namestead_[a-z_]+$/)
    t.equal(name.endsWith('_total'), kind === 'counter', `${name}: counters end in _total`)
  }
})

t.test('what is not in the table can not be counted', async t => {
  t.throws(() => cellOf('namestead_dns_answer_cache_total', 'maybe'), { message: /result is never "maybe"/ })
  t.throws(() => cellOf('namestead_dns_answer_cache_total'), { message: /has 1 labels/ })
})

t.test('opcodes and RCODEs without a name are "other"', async t => {
  t.equal(requestCell('udp', 9), cellOf('namestead_dns_requests_total', 'udp', 'other'))
  t.equal(rcodeCells('namestead_dns_responses_total')[13], cellOf('namestead_dns_responses_total', 'other'))
  t.equal(rcodeCells('namestead_dns_responses_total')[3], cellOf('namestead_dns_responses_total', 'NXDOMAIN'))
})
