import { type Decoded, defaulted, list, optional, record, required } from './kinds.ts'
import { pem, secret } from './secret.ts'
import { uriPattern } from './uri-pattern.ts'
import { accessList, domainName, duration, file, flag, namePattern, parsed, reference, text, url } from './values.ts'

const word = parsed('name: letters, digits, - and _', value =>
  /^[A-Za-z0-9_-]{1,64}$/.test(value) ? value : undefined,
)

const mountPath = parsed('path such as pki or pki/prod', value =>
  /^[A-Za-z0-9_-]+(\/[A-Za-z0-9_-]+)*$/.test(value) && !/^(auth|sys)(\/|$)/.test(value) ? value : undefined,
)

const role = record(
  {
    name: required(word, 'its name, in the path of the call'),
    names: defaulted(list(namePattern), [], 'the DNS names that may be certified'),
    wildcards: defaulted(flag, false, 'whether wildcard names (`*.x`) may be, too'),
    addresses: defaulted(accessList, [], 'the addresses that may be, as blocks'),
    uris: defaulted(list(uriPattern), [], 'the URIs that may be; the profile must have `uri` among its kinds of names'),
    profile: optional(reference('profiles', 'profile'), 'how certificates are made; left out: the first profile'),
  },
  one =>
    one.names.length + one.addresses.length + one.uris.length > 0 ? undefined : 'a role needs names, addresses or uris',
)
/** What `{mount}/sign/{role}` signs. */
export type VaultRole = Decoded<typeof role>

const intermediate = record({
  name: required(word, 'its name, for `roles` under `auth`'),
  trust_domain: required(domainName, 'the SPIFFE trust domain: the only URIs that the new CA may certify'),
  names: defaulted(list(domainName), [], 'the domains at and below which it may certify DNS names'),
  validity: defaulted(duration, '30d', 'how long its certificate is valid at most'),
})
/** What `{mount}/root/sign-intermediate` signs. */
export type VaultIntermediate = Decoded<typeof intermediate>

const granted = required(list(word, { nonEmpty: true }), 'the roles and intermediates that it may ask for')

const token = record({ token: required(secret, 'the token that the client sends'), roles: granted })

const approle = record({
  role_id: required(text, 'the RoleID'),
  secret_id: required(secret, 'the SecretID'),
  roles: granted,
  ttl: defaulted(duration, '1h', 'how long a login lasts'),
})

const serviceAccount = parsed('NAMESPACE/NAME, each of which may be *', value =>
  /^(\*|[a-z0-9-]+)\/(\*|[a-z0-9.-]+)$/.test(value) ? value : undefined,
)

const cluster = record(
  {
    mount: defaulted(mountPath, 'kubernetes', 'where clients log in: `auth/{mount}/login`'),
    issuer: optional(text, 'the `iss` of its tokens; left out: not checked'),
    audience: required(text, 'the `aud` that tokens must have been made for'),
    jwks: optional(file, 'a file with its keys (`kubectl get --raw /openid/v1/jwks`); read at each login'),
    jwks_url: optional(url('https'), 'where its keys are fetched instead'),
    jwks_roots: optional(pem, 'the roots that the certificate there may come from, in PEM'),
    roles: required(
      list(
        record({
          name: required(word, 'its name, as the client sends it'),
          service_accounts: required(list(serviceAccount, { nonEmpty: true }), 'who may log in'),
          roles: granted,
          ttl: defaulted(duration, '1h', 'how long a login lasts'),
        }),
        { unique: one => one.name, nonEmpty: true },
      ),
      'who may have what',
    ),
  },
  one => ((one.jwks === undefined) === (one.jwks_url === undefined) ? 'give either jwks or jwks_url' : undefined),
)
/** A Kubernetes cluster whose service accounts log in with their tokens. */
export type VaultCluster = Decoded<typeof cluster>

/** The calls of Vault's PKI that cert-manager's Vault issuer and SPIRE make. */
export const vault = record({
  mount: defaulted(mountPath, 'pki', 'the path below `/v1/` at which certificates are signed'),
  roles: defaulted(list(role, { unique: one => one.name }), [], 'what may be signed'),
  intermediates: defaulted(list(intermediate, { unique: one => one.name }), [], 'which CA certificates may be signed'),
  auth: defaulted(
    record({
      tokens: defaulted(list(token), [], 'tokens that hold as they stand'),
      approle: defaulted(list(approle, { unique: one => one.role_id }), [], 'logins by RoleID and SecretID'),
      kubernetes: defaulted(
        list(cluster, { unique: one => one.mount }),
        [],
        'logins by the token of a Kubernetes service account',
      ),
    }),
    {},
    'who may ask; nobody unless said',
  ),
})
/** The Vault-compatible API. */
export type VaultConfig = Decoded<typeof vault>
