import fc from 'fast-check'
import t from 'tap'
import { chooseProfile, longestValidity, type Profile, validityPeriod } from '../../../ca/issue/profiles.ts'
import { systemRandom } from '../../../host/random.ts'
import { DAY, profile } from '../fixture.ts'

const NOW = Date.UTC(2026, 5, 1, 12, 0, 0, 500)
const issuer = { notBefore: NOW - 500 - DAY, notAfter: NOW - 500 + 365 * DAY }
const short: Profile = { ...profile, name: 'short', validity: DAY }

t.test('a profile is chosen by name, the first where none is asked for', async t => {
  t.equal(chooseProfile([profile, short]), profile)
  t.equal(chooseProfile([profile, short], 'short'), short)
  t.equal(chooseProfile([profile, short], 'long'), undefined)
  t.equal(longestValidity([short, profile]), 90 * DAY)
})

t.test('both ends of the validity are included (RFC 5280 §4.1.2.5)', async t => {
  const { notBefore, notAfter } = validityPeriod(short, NOW, issuer, {}, systemRandom)!
  t.equal(notAfter - notBefore + 1000, DAY)
  t.equal(notBefore, NOW - 500 - 60_000)
})

t.test(
  "whatever is asked for, the validity is in whole seconds, within the issuer's and not above the profile's",
  async t => {
    const moment = fc.integer({ min: NOW - 800 * DAY, max: NOW + 800 * DAY })
    const wished = fc.record({
      notBefore: fc.option(moment, { nil: undefined }),
      notAfter: fc.option(moment, { nil: undefined }),
    })
    const any = fc.record({
      validity: fc.integer({ min: 60_000, max: 500 * DAY }),
      backdate: fc.integer({ min: 0, max: DAY }),
      jitter: fc.double({ min: 0, max: 0.5, noNaN: true }),
    })
    const property = fc.property(any, wished, (one, wish) => {
      const period = validityPeriod(one, NOW, issuer, wish, systemRandom)
      if (!period) return true
      const { notBefore, notAfter } = period
      const whole = notBefore % 1000 === 0 && notAfter % 1000 === 0
      const within = notBefore >= issuer.notBefore && notAfter <= issuer.notAfter
      return whole && within && notAfter > NOW && notAfter >= notBefore && notAfter - notBefore < one.validity
    })
    t.doesNotThrow(() => fc.assert(property))
  },
)

t.test('jitter spreads the ends over its share of the validity', async t => {
  const spread = { ...profile, jitter: 0.05 }
  const ends = Array.from({ length: 500 }, () => validityPeriod(spread, NOW, issuer, {}, systemRandom)!.notAfter)
  const latest = validityPeriod(profile, NOW, issuer, {}, systemRandom)!.notAfter
  t.ok(Math.max(...ends) <= latest)
  t.ok(Math.min(...ends) >= latest - 4.5 * DAY)
  t.ok(new Set(ends).size > 400, 'hardly two end together')
  t.ok(Math.max(...ends) - Math.min(...ends) > 3.5 * DAY)
})

t.test('nothing is left of a validity that is over, or of an issuer that has ended', async t => {
  t.equal(validityPeriod(profile, NOW, issuer, { notAfter: NOW - 1 }, systemRandom), undefined)
  t.equal(
    validityPeriod(profile, NOW, issuer, { notBefore: NOW + 5 * DAY, notAfter: NOW + 4 * DAY }, systemRandom),
    undefined,
  )
  t.equal(validityPeriod(profile, NOW, { ...issuer, notAfter: NOW - 1000 }, {}, systemRandom), undefined)
})
