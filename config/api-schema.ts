import { ROLES } from './dashboard-schema.ts'
import { type Decoded, defaulted, list, optional, record, required } from './kinds.ts'
import { uriPattern } from './uri-pattern.ts'
import { accessList, choice, namePattern, parsed, reference } from './values.ts'

const identityName = parsed('name: letters, digits and . _ @ -, at most 64', value =>
  /^[\w.@-]{1,64}$/.test(value) ? value : undefined,
)

const identity = record(
  {
    name: required(identityName, 'what the history and the log call who shows it'),
    names: defaulted(list(namePattern), [], 'the DNS names, of which the certificate must have one'),
    uris: defaulted(list(uriPattern), [], 'the URIs, of which it must have one where it has none of the names'),
    role: required(choice(...ROLES), 'what they may do; each includes those before it'),
    zones: required(list(namePattern, { nonEmpty: true }), 'the apexes of the zones that this is for, `**` for all'),
    views: optional(list(reference('views', 'view'), { nonEmpty: true }), 'the views that this is for; left out: all'),
    from: optional(accessList, 'the addresses that it may be used from; left out: anywhere'),
  },
  ({ names, uris }) => (names.length + uris.length > 0 ? undefined : 'give names or uris: nobody is meant otherwise'),
)
/** What who shows a certificate of our CA may do, by the names in it. */
export type CertificateIdentity = Decoded<typeof identity>

/** The HTTP API. */
export const api = record({
  certificates: defaulted(
    list(identity, { unique: one => one.name }),
    [],
    'who may use the API without a token by showing a certificate of our CA in the TLS handshake: the first that fits decides. Whoever may have a certificate for such a name is let in, so no issue rule should give it to others',
  ),
})
