/** The certificates of bench/mixed.ts: one ACME account that has proved its name once, and orders at a steady rate. */
import { Agent } from 'node:https'
import { setTimeout as pause } from 'node:timers/promises'
import acme from 'acme-client'
import type { Updater, Work } from './mixed-updates.ts'
import { APEX } from './query-rows.ts'

export interface Issuer {
  client: InstanceType<typeof acme.Client>
  csr: Buffer
  updater: Updater
}

const NAME = `app.${APEX}`
/** Orders that are under way. */
const AT_ONCE = 16
const TICK = 10

/** An account with a valid authorization, which later orders use again. */
export async function makeIssuer(directoryUrl: string, updater: Updater): Promise<Issuer> {
  acme.axios.defaults.httpsAgent = new Agent({ rejectUnauthorized: false, keepAlive: true })
  const accountKey = await acme.crypto.createPrivateEcdsaKey()
  // By itself it would look five seconds later whether a certificate is there.
  const client = new acme.Client({ directoryUrl, accountKey, backoffMin: 20, backoffMax: 200, backoffAttempts: 100 })
  const [, csr] = await acme.crypto.createCsr({ altNames: [NAME] }, await acme.crypto.createPrivateEcdsaKey())
  await client.auto({
    csr,
    termsOfServiceAgreed: true,
    challengePriority: ['dns-01'],
    skipChallengeVerification: true,
    challengeCreateFn: (_authorization, _challenge, value) => updater.publish(`_acme-challenge.${NAME}.`, value),
    challengeRemoveFn: async () => {},
  })
  return { client, csr, updater }
}

/** So many certificates a second until the work is stopped; resolves with how many there were. */
export async function issue({ client, csr }: Issuer, rate: number, work: Work): Promise<number> {
  let begun = 0
  let done = 0
  const begin = performance.now()
  const one = async (): Promise<void> => {
    while (!work.stopped) {
      if (begun >= ((performance.now() - begin) / 1000) * rate) {
        await pause(TICK)
        continue
      }
      begun++
      const order = await client.createOrder({ identifiers: [{ type: 'dns', value: NAME }] })
      await client.getCertificate(await client.finalizeOrder(order, csr))
      done++
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, one))
  return done
}
