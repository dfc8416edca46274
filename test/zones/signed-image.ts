import { dnssecAlgorithm } from '../../dns/algorithms.ts'
import { zoneKey } from '../../zones/keys/key.ts'
import { ZoneSigner } from '../../zones/sign/sign.ts'
import { SIGNATURE_TIMES } from '../../zones/sign/signatures.ts'
import type { ZoneImage } from '../../zones/zone.ts'
import { createSimulatedClock } from '../simulation/clock.ts'
import { createSeededRandom } from '../simulation/random.ts'
import { imageOf } from './ask.ts'

/** A zone with signatures by a key of the test's, and NSEC or NSEC3. */
export async function signedImage(origin: string, text: string, nsec3: boolean): Promise<ZoneImage> {
  const clock = createSimulatedClock()
  const image = imageOf(origin, `${text}${nsec3 ? '@ NSEC3PARAM 1 0 0 -\n' : ''}`)
  const { keyTag, privateKey } = zoneKey('csk', 15, await dnssecAlgorithm(15)!.generate(), 0)
  const key = { signer: image.origin, algorithm: 15, keyTag, privateKey }
  const active = { zone: [key], keySet: [key] }
  const random = createSeededRandom(1)
  const signer = new ZoneSigner({ keys: () => active, nsec3, times: SIGNATURE_TIMES, clock, random })
  const tip = image.latest()
  const change = signer.sign(tip, tip, { deleted: [], added: [] })
  const roomy = image.rebuild(tip, { slack: 20 })
  return roomy.rebuild(roomy.apply(roomy.latest(), change)!)
}
