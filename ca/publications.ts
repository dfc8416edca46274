import { VERSION } from '../host/version.ts'
import type { Authority } from './authority.ts'
import { entityTag, spiffeBundle, type TrustedRoot } from './hierarchy/trust.ts'
import { reviewAdmission } from './permission/admission.ts'
import { ocspFailure, ocspRequestOfPath } from './revocation/ocsp.ts'
import type { OcspAnswer } from './revocation/revoke.ts'
import { fingerprint } from './x509/x509.ts'

/** Something that anybody may read: roots, CRLs, OCSP, and what the step CLI asks. */
export interface Publication {
  method: 'GET' | 'POST'
  path: string
  /** Undefined where there is no such thing (404). `tail` is what the path's "*" stands for. */
  answer(tail: string, body: Uint8Array): Promise<Published | undefined> | Published | undefined
}

/** A body with its media type and caching. */
export interface Published {
  type: string
  body: string | Uint8Array
  headers?: Record<string, string>
}

/** A directory as its name and what stands behind it. */
export interface PublishedIssuer {
  name: string
  authority: Authority
  /** Its root is not to be trusted: it is found by its fingerprint alone. */
  staging: boolean
}

/** What both listeners serve: roots, with a tag by which who follows them sees that nothing has changed, and what leads to them. */
export function trustPublications(
  issuers: readonly PublishedIssuer[],
  roots: () => readonly TrustedRoot[],
): Publication[] {
  const trusted = issuers.filter(({ staging }) => !staging).map(({ authority }) => authority.hierarchy)
  const all = issuers.map(({ authority }) => authority.hierarchy)
  const intermediates = () =>
    unique(
      trusted.flatMap(hierarchy =>
        [...hierarchy.intermediates(), ...hierarchy.crossCertificates()].map(({ pem }) => pem),
      ),
    )
  const pems = () => roots().map(({ certificate }) => certificate)
  const bundle = (published: Published): Published => ({ ...published, headers: { etag: entityTag(roots()) } })
  return [
    get('/roots', () => bundle(json({ crts: pems() }))),
    get('/roots.pem', () => bundle(pem(pems()))),
    get('/roots.spiffe', () => bundle(json(spiffeBundle(roots())))),
    get('/intermediates', () => json({ crts: intermediates() })),
    get('/intermediates.pem', () => pem(intermediates())),
    get('/root/*', sha256 => {
      const digits = sha256.replaceAll('-', '').toLowerCase()
      const found = all.find(({ root }) => root.fingerprint === digits)?.root.pem ?? formerRoot(roots(), digits)
      return found === undefined ? undefined : json({ ca: found })
    }),
  ]
}

function formerRoot(roots: readonly TrustedRoot[], digits: string): string | undefined {
  return roots.find(({ sha256 }) => sha256.replaceAll(':', '').toLowerCase() === digits)?.certificate
}

/** What the step CLI asks beside them, over HTTPS. */
export function stepPublications(issuers: readonly PublishedIssuer[], requireEAB: boolean): Publication[] {
  const provisioners = issuers.map(({ name }) => ({ type: 'ACME', name, requireEAB }))
  return [
    get('/health', () => json({ status: 'ok' })),
    get('/version', () => json({ version: VERSION, requireClientAuthentication: false })),
    get('/provisioners', () => json({ provisioners, nextCursor: '' })),
  ]
}

/** POST of a Kubernetes AdmissionReview, at the name of the key whose holder will order. */
export function admissionPublications(authority: Authority): Publication[] {
  const answer = (key: string, body: Uint8Array) => {
    const review = reviewAdmission(body, key, authority)
    return review && json(review)
  }
  return [{ method: 'POST', path: '/api/v1/ca/admission/*', answer }]
}

/** What certificates point at (RFC 5280 §4.2.1.13, §4.2.2.1): issuer certificates, CRLs and OCSP, over plain HTTP. */
export function statusPublications(issuers: readonly PublishedIssuer[]): Publication[] {
  const find = (id: string) => issuers.find(({ authority }) => authority.hierarchy.find(id))?.authority
  return [
    get('/ca/*', file => {
      const id = withoutSuffix(file, '.crt')
      const certificate = id && find(id)?.hierarchy.find(id)
      return certificate ? { type: 'application/pkix-cert', body: certificate.der } : undefined
    }),
    get('/crl/*', async file => {
      // A part of an issuer's CRLs stands below the whole.
      const [, id, part] = /^([^/]+?)(?:\/(\d{1,4}))?\.crl$/.exec(file) ?? []
      const crl = id && (await find(id)?.revocation.crl(id, part === undefined ? undefined : Number(part)))
      // RFC 2585 §4.2.
      if (!crl) return undefined
      return { type: 'application/pkix-crl', body: crl.der, headers: { 'last-modified': date(crl.thisUpdate) } }
    }),
    get('/ocsp/*', async path => {
      const request = ocspRequestOfPath(path)
      return ocsp(request ? await ask(issuers, request) : { der: ocspFailure('malformedRequest') })
    }),
    { method: 'POST', path: '/ocsp', answer: async (_tail, body) => ocsp(await ask(issuers, body)) },
  ]
}

/** The first issuer that knows the certificate asked about answers; they all refuse it in the same words otherwise. */
async function ask(issuers: readonly PublishedIssuer[], request: Uint8Array): Promise<OcspAnswer> {
  let answer: OcspAnswer = { der: ocspFailure('unauthorized') }
  for (const revocation of new Set(issuers.map(({ authority }) => authority.revocation))) {
    answer = await revocation.ocsp(request)
    if (answer.failure !== 'unauthorized') return answer
  }
  return answer
}

// RFC 5019 §6.2: caches may keep the answer until the next one is due.
function ocsp({ der, thisUpdate, nextUpdate }: OcspAnswer): Published {
  const type = 'application/ocsp-response'
  if (thisUpdate === undefined || nextUpdate === undefined)
    return { type, body: der, headers: { 'cache-control': 'no-store' } }
  return {
    type,
    body: der,
    headers: {
      'last-modified': date(thisUpdate),
      expires: date(nextUpdate),
      etag: `"${fingerprint(der)}"`,
      'cache-control': 'public, no-transform, must-revalidate',
    },
  }
}

function get(path: string, answer: Publication['answer']): Publication {
  return { method: 'GET', path, answer }
}

function json(value: object): Published {
  return { type: 'application/json', body: JSON.stringify(value) }
}

function pem(certificates: readonly string[]): Published {
  return { type: 'application/x-pem-file', body: certificates.join('') }
}

function unique(texts: readonly string[]): string[] {
  return [...new Set(texts)]
}

function withoutSuffix(file: string, suffix: string): string | undefined {
  return file.endsWith(suffix) ? file.slice(0, -suffix.length) : undefined
}

function date(time: number): string {
  return new Date(time).toUTCString()
}
