import { byShape, type Decoded, defaulted, type Kind, list, mapped, optional, record, required } from './kinds.ts'
import { choice, duration, flag, integer, parsed, text, url } from './values.ts'

const objectIdentifier = parsed('object identifier', value =>
  /^[0-2](\.(0|[1-9]\d*)){2,}$/.test(value) ? value : undefined,
)

const policyWithPage = record({
  oid: required(objectIdentifier, 'its object identifier'),
  cps: optional(url('http', 'https'), 'the page of its certification practice statement'),
})
/** A certificate policy. */
export type CertificatePolicy = Decoded<typeof policyWithPage>

/** Object identifiers, each with the page of its statement where there is one. */
export const policies: Kind<CertificatePolicy[]> = list(
  byShape<CertificatePolicy>({
    scalar: mapped(objectIdentifier, oid => ({ oid })),
    map: policyWithPage,
    label: 'policy: an object identifier, or map of `oid` and `cps`',
  }),
  { unique: ({ oid }) => oid },
)

function isBase64(value: string): boolean {
  return value !== '' && Buffer.from(value, 'base64').toString('base64') === value
}

const percentage: Kind<number> = parsed('percentage such as 5%', value => {
  const match = /^(\d{1,2}(?:\.\d{1,3})?)%$/.exec(value)
  return match && Number(match[1]) <= 50 ? Number(match[1]) / 100 : undefined
})

const profile = record(
  {
    name: required(text, 'its name, in orders and in the directory'),
    validity: required(duration, 'how long its certificates are valid'),
    backdate: defaulted(
      duration,
      '1m',
      'how far before the moment of issue they begin, for clients whose clocks are slow',
    ),
    jitter: defaulted(percentage, '0%', 'by how much of the validity their ends are spread, for clients without ARI'),
    usages: defaulted(
      list(choice('server', 'client'), { nonEmpty: true }),
      ['server'],
      'what the key may be used for in TLS',
    ),
    renewable: defaulted(
      flag,
      false,
      'whether who shows a certificate of it in the TLS handshake may have it renewed: `step ca renew`, re-enrolment by EST; `usages` must have `client`',
    ),
    server_keys: defaulted(
      flag,
      false,
      'whether devices that can make no good keys are given one with the certificate, of the first of `keys` that is no `ecdsa-p521`: `serverkeygen` of EST (RFC 7030 §4.4); it is kept nowhere',
    ),
    keys: defaulted(
      list(choice('ecdsa-p256', 'ecdsa-p384', 'ecdsa-p521', 'ed25519', 'rsa-2048', 'rsa-3072', 'rsa-4096'), {
        nonEmpty: true,
      }),
      ['ecdsa-p256', 'ecdsa-p384', 'ecdsa-p521', 'ed25519', 'rsa-2048'],
      'the kinds of keys that are certified; of RSA keys, the least length',
    ),
    san: defaulted(
      list(choice('dns', 'ip', 'uri', 'email'), { nonEmpty: true, unique: kind => kind }),
      ['dns', 'ip'],
      'the kinds of names that they hold; URIs (SPIFFE) and mail addresses by other ways than ACME',
    ),
    max_names: defaulted(integer(1, 100), 100, 'how many names they hold at most'),
    common_name: defaulted(flag, true, 'whether the first DNS name is in the subject, too, for old clients'),
    subject: defaulted(
      record({
        country: optional(
          parsed('two capital letters', value => (/^[A-Z]{2}$/.test(value) ? value : undefined)),
          'C',
        ),
        province: optional(text, 'ST'),
        locality: optional(text, 'L'),
        organization: optional(text, 'O'),
        unit: optional(text, 'OU'),
      }),
      {},
      'what the subject says besides; what a client asks for is never taken over',
    ),
    ocsp: defaulted(flag, true, 'whether they name the OCSP responder'),
    crl: defaulted(flag, true, 'whether they name a CRL'),
    policies: defaulted(policies, [], 'the policies that they are issued under (RFC 5280 §4.2.1.4)'),
    must_staple: defaulted(flag, false, 'whether servers must staple an OCSP response (RFC 7633)'),
    extensions: defaulted(
      list(
        record({
          oid: required(objectIdentifier, 'its object identifier'),
          critical: defaulted(flag, false, 'whether clients that do not know it must refuse the certificate'),
          value: required(
            parsed('DER in base64', value => (isBase64(value) ? Buffer.from(value, 'base64') : undefined)),
            'its value in DER, in base64',
          ),
        }),
        { unique: one => one.oid },
      ),
      [],
      'further extensions, as they are',
    ),
  },
  ({ renewable, usages, server_keys: made, keys }) => {
    // RFC 5280 §4.2.1.12: what a client shows must be for clients.
    if (renewable && !usages.includes('client'))
      return 'certificates that are renewable must have `client` among their usages'
    if (made && keys.every(kind => kind === 'ecdsa-p521'))
      return 'a profile with `server_keys` must take another kind of key than `ecdsa-p521`, which is not made here'
    return undefined
  },
)
/** How a certificate is made. */
export type ProfileConfig = Decoded<typeof profile>

/** How certificates are made, the first where none is asked for. */
export const profiles = list(profile, { unique: one => one.name, nonEmpty: true })
