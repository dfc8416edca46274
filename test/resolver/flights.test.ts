import t from 'tap'
import { Flight, Flights } from '../../resolver/flights.ts'
import type { Outcome } from '../../resolver/routes/route.ts'

t.test('flights are found by their key as long as they are under way', async t => {
  const flights = new Flights()
  // More than there are buckets.
  const all = Array.from({ length: 5000 }, (_, i) => new Flight(`key ${i}`))
  for (const flight of all) flights.add(flight)
  for (const flight of all) t.equal(flights.get(flight.key), flight)
  for (const [i, flight] of all.entries()) if (i % 3 > 0) flights.delete(flight)
  for (const flight of all.slice(0, 3)) flights.delete(flight)
  t.equal(flights.get('key 0'), undefined)
  for (const [i, flight] of all.slice(3).entries()) t.equal(flights.get(flight.key), i % 3 > 0 ? undefined : flight)
})

t.test('all who wait for a flight hear how it has landed', async t => {
  const flight = new Flight('key')
  const heard: Outcome[] = []
  for (let i = 0; i < 2; i++) flight.wait(outcome => heard.push(outcome))
  const outcome: Outcome = { kind: 'failed', error: { code: 0, text: '' } }
  flight.land(outcome)
  t.same(heard, [outcome, outcome])
})
