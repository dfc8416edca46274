import { get } from 'node:https'

const LARGEST = 1 << 20
const PATIENCE = 5000

/** The document at an https URL, as text, from a server whose certificate comes from these roots (PEM), or the system's. Rejects with what went wrong. */
export function fetchText(url: string, roots: string | undefined): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { ...(roots !== undefined && { ca: roots }), timeout: PATIENCE, agent: false as const }
    const request = get(url, options, response => {
      if (response.statusCode !== 200) {
        request.destroy(new Error(`${url} answered ${response.statusCode}`))
        return
      }
      const parts: Buffer[] = []
      let length = 0
      response.on('data', (part: Buffer) => {
        length += part.length
        if (length > LARGEST) request.destroy(new Error(`${url} sends more than ${LARGEST} octets`))
        else parts.push(part)
      })
      response.on('end', () => resolve(Buffer.concat(parts).toString('utf8')))
      response.on('error', reject)
    })
    request.on('timeout', () => request.destroy(new Error(`${url} did not answer in time`)))
    request.on('error', reject)
  })
}
