import { compilePattern, matchesPattern } from '../../config/pattern.ts'
import { TextError } from '../../dns/errors.ts'
import { CaCommandError } from '../command.ts'
import { nameOfIdentifier } from '../identifier.ts'
import type { CertificateRecord } from '../store/certificate-store.ts'
import type { CertificateArchive, CertificateFilter } from '../store/certificates.ts'

const PAGE = 500
/** What `--where` may name. */
const TERMS = ['account', 'key', 'name', 'profile'] as const

/** The certificates that stand and are meant by all the terms, page by page. Throws CaCommandError for terms that mean nothing. */
export async function* certificatesWhere(
  store: Pick<CertificateArchive, 'certificates'>,
  where: Readonly<Record<string, unknown>>,
  standingAt: number,
): AsyncGenerator<CertificateRecord[]> {
  const { filter, isMeant } = readTerms(where)
  for (let after: string | undefined; ; ) {
    const page = await store.certificates({ ...filter, standingAt, limit: PAGE, ...(after !== undefined && { after }) })
    const meant = page.filter(isMeant)
    if (meant.length > 0) yield meant
    if (page.length < PAGE) return
    after = page.at(-1)!.serial
  }
}

function readTerms(where: Readonly<Record<string, unknown>>) {
  const unknown = Object.keys(where).find(term => !TERMS.some(known => known === term))
  if (unknown !== undefined)
    throw new CaCommandError(`"${unknown}" is nothing to choose by; there are ${TERMS.join(', ')}`)
  const { account, key, name, profile } = where
  if (Object.values(where).every(value => value === undefined))
    throw new CaCommandError(`say which: ${TERMS.map(term => `${term}=…`).join(', ')}`)
  const filter: Omit<CertificateFilter, 'limit'> = {
    ...(account !== undefined && { account: String(account) }),
    ...(profile !== undefined && { profile: String(profile) }),
    ...(key !== undefined && { keyHash: String(key).replaceAll(':', '').toLowerCase() }),
  }
  return { filter, isMeant: name === undefined ? () => true : namedBy(String(name)) }
}

/** A name pattern as issue rules have it, which covers wildcards, too. */
function namedBy(text: string): (record: CertificateRecord) => boolean {
  const wildcard = text.startsWith('*.')
  const pattern = compile(text)
  return ({ identifiers }) =>
    identifiers.some(
      identifier =>
        identifier.value === text ||
        (identifier.type === 'dns' &&
          !wildcard &&
          matchesPattern(pattern, nameOfIdentifier(identifier), undefined, { wildcards: true })),
    )
}

function compile(text: string) {
  try {
    return compilePattern(text)
  } catch (error) {
    if (error instanceof TextError) throw new CaCommandError(error.message)
    throw error
  }
}
