/** The certificates of bench/mixed.ts: one ACME account that has proved its name once, and orders at a steady rate. */
import { generateKeyPairSync } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { createCsr } from '../test/ca/client.ts'
import { openAcmeClient } from './acme-client.ts'
import type { Updater, Work } from './mixed-updates.ts'
import { APEX } from './query-rows.ts'

export interface Issuer {
  client: Awaited<ReturnType<typeof openAcmeClient>>
  csr: string
  updater: Updater
}

const NAME = `app.${APEX}`
/** Orders that are under way. */
const AT_ONCE = 16
const TICK = 10

/** An account with a valid authorization, which later orders use again. */
export async function makeIssuer(directory: string, updater: Updater): Promise<Issuer> {
  const client = await openAcmeClient({ directory, publish: (name, text) => updater.publish(`${name}.`, text) })
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const { csr } = await createCsr([NAME], privateKey.export({ type: 'pkcs8', format: 'pem' }) as string)
  await client.order(NAME, csr)
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
      await client.order(NAME, csr)
      done++
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, one))
  client.close()
  return done
}
