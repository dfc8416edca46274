import { type Decoded, defaulted, list, optional, record, required } from './kinds.ts'
import { pem, secretElsewhere } from './secret.ts'
import { choice, flag, namePattern, parsed, reference, text, url } from './values.ts'

/** What holders of tokens and people may do; each includes those before it. */
export const ROLES = ['read', 'write', 'admin'] as const

/** RFC 6749 §3.3. */
const scope = parsed('scope: printable ASCII without blanks, quotes and backslashes', value =>
  /^[\x21\x23-\x5b\x5d-\x7e]+$/.test(value) ? value : undefined,
)

/** OpenID Connect Discovery §4.3: compared with what the provider says, to the last slash. */
const issuer = parsed(
  'https URL without query and fragment',
  value => (/^https:\/\/[^?#@]+$/.test(value) && URL.canParse(value) ? value : undefined),
  '^https://',
)

const grant = record({
  claim: required(
    text,
    'the claim that is looked at; of one that is not there by its whole name the parts between dots are gone through: `realm_access.roles`',
  ),
  values: required(list(text, { nonEmpty: true }), 'what it must be, or have among its items: one of these'),
  role: required(choice(...ROLES), 'what such people may do; each includes those before it'),
  zones: required(list(namePattern, { nonEmpty: true }), 'the apexes of the zones that this is for, `**` for all'),
  views: optional(list(reference('views', 'view'), { nonEmpty: true }), 'the views that this is for; left out: all'),
})
/** What people of whom a claim is true may do. */
export type GrantConfig = Decoded<typeof grant>

const oidc = record(
  {
    issuer: required(issuer, 'the provider, as it names itself; the rest is found by discovery'),
    url: required(
      url('https'),
      'where browsers find the dashboard; the provider must know `{url}/oidc/callback` as redirect URI',
    ),
    client_id: required(text, 'who we are to the provider'),
    client_secret: optional(
      secretElsewhere,
      'our secret there: `{ file: PATH }` or `{ env: NAME }`; left out: we are a public client, and PKCE alone vouches for us',
    ),
    scopes: defaulted(list(scope), ['openid', 'profile', 'email'], 'what is asked for'),
    name: defaulted(
      text,
      'sub',
      'the claim by which the history and the log name people; `sub` alone is never given to somebody else, an `email` must not be said to be unverified',
    ),
    label: defaulted(text, 'single sign-on', 'what the login page calls it'),
    logout: defaulted(
      flag,
      true,
      'who signs out here is signed out at the provider, where that has an `end_session_endpoint`; it must know `{url}/` as post-logout redirect URI',
    ),
    roots: optional(pem, "the roots that the provider's certificate may come from, in PEM; left out: the system's"),
    grants: required(
      list(grant, { nonEmpty: true }),
      'who may do what: the first that fits decides, and who fits none is refused',
    ),
  },
  ({ scopes }) => (scopes.includes('openid') ? undefined : 'the scopes must include openid (OpenID Connect §3.1.2.1)'),
)
/** A provider of OpenID Connect by which people log in. */
export type OidcConfig = Decoded<typeof oidc>

export const dashboard = record({
  oidc: optional(oidc, 'people log in by OpenID Connect, beside tokens; left out: they do not'),
})
