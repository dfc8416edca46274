import t from 'tap'
import { cellOf, createCounters, exposeMetrics, METRICS, rcodeCells, requestCell } from '../../server/metrics.ts'

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
  const samples = exposeMetrics(threads)
    .split('\n')
    .filter(line => line !== '' && !line.startsWith('#'))
  t.equal(samples.length, counters.length)
  t.same(
    samples.map(line => Number(line.split(' ').at(-1))),
    Array.from(counters),
  )
  t.equal(new Set(samples.map(line => line.split(' ')[0])).size, counters.length, 'and a name of its own')
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
