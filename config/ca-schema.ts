import { enrolment, est, scep } from './enrolment-schema.ts'
import { crossSigning, formerRoot, intermediate, root } from './hierarchy-schema.ts'
import {
  byShape,
  type Decoded,
  defaulted,
  derived,
  dictionary,
  type Kind,
  list,
  mapped,
  optional,
  record,
  required,
} from './kinds.ts'
import { tokenKey } from './pkcs11.ts'
import { profiles } from './profile-schema.ts'
import { secret } from './secret.ts'
import {
  accessList,
  choice,
  domainName,
  duration,
  durationOrNone,
  flag,
  integer,
  namePattern,
  parsed,
  reference,
  text,
  url,
} from './values.ts'
import { vault } from './vault-schema.ts'

export type {
  CrossSigning,
  FormerRootConfig,
  IntermediateConfig,
  KeyAlgorithm,
  KeySource,
  RootConfig,
} from './hierarchy-schema.ts'
export type { CertificatePolicy, ProfileConfig } from './profile-schema.ts'

const issueRule = record(
  {
    names: defaulted(list(namePattern), [], 'the names that may be certified'),
    addresses: defaulted(accessList, [], 'the addresses that may be (RFC 8738), as blocks'),
    wildcards: defaulted(flag, false, 'whether wildcard names (`*.x`) may be, too'),
    profiles: optional(
      list(reference('profiles', 'profile'), { nonEmpty: true }),
      'the profiles that may be asked for; left out: all',
    ),
    key: optional(domainName, 'narrows the rule to accounts bound to the external key of this name'),
    account: optional(text, 'narrows the rule to this account'),
    writers: defaulted(
      flag,
      false,
      'narrows the rule to who may write the very name in DNS: the key that an account is bound to, or that made the record which proved control, has an update rule for it in the view `validate_in`',
    ),
    approval: defaulted(
      flag,
      false,
      'whether a person must have approved the name for the account: `namestead ca approve`',
    ),
  },
  one => (one.names.length + one.addresses.length > 0 ? undefined : 'an issue rule needs names or addresses'),
)
/** Who may have certificates for which names. Nothing is issued unless a rule says so. */
export type IssueRule = Decoded<typeof issueRule>

const issuerName = parsed('name: letters, digits, - and _', value =>
  /^[A-Za-z0-9_-]{1,64}$/.test(value) ? value : undefined,
)

const ownHierarchy = record({
  root: optional(root, 'a root of its own'),
  intermediate: optional(intermediate, 'an intermediate of its own'),
  issue: optional(list(issueRule), 'who may have which names from it'),
  profiles: optional(profiles, 'profiles of its own'),
})
/** One ACME directory. */
export type IssuerConfig = { name: string } & Decoded<typeof ownHierarchy>

const issuers: Kind<IssuerConfig[]> = byShape({
  list: mapped(list(issuerName, { unique: name => name, nonEmpty: true }), names => names.map(name => ({ name }))),
  map: mapped(dictionary(ownHierarchy, 'map'), all => Object.entries(all).map(([name, own]) => ({ name, ...own }))),
  label: 'list of names, or map of name to hierarchy',
})

const challengeType = choice('dns-01', 'http-01', 'tls-alpn-01', 'dns-account-01', 'dns-persist-01')

/** The certificate authority as it stands in the config. */
export const ca = record({
  name: required(text, 'the organization in the CA certificates'),
  url: required(url('https'), 'where clients reach `https`; the directory is `{url}/acme/directory`'),
  http_url: optional(url('http', 'https'), 'base of the URLs of issuer certificates, CRLs and OCSP in what is issued'),
  root: defaulted(root, {}, 'the trust anchor'),
  intermediate: defaulted(intermediate, {}, 'the certificate that signs the others'),
  former_roots: optional(
    list(formerRoot, { nonEmpty: true }),
    'roots that signed before: handed out beside the root until nothing of theirs is valid any more; those whose key is given sign the root, too (`cross_sign`)',
  ),
  cross_sign: defaulted(
    crossSigning,
    'forward',
    'which root signs which: `forward`, each before it the new one, so that who trusts the old one trusts what the new one signs; `both`, the new one the old ones, too',
  ),
  preferred_chain: optional(
    text,
    'the common name of the root to which the chain leads that clients get first; left out: the oldest that outlives the certificate. The others are offered by `Link: rel="alternate"` (RFC 8555 §7.4.2)',
  ),
  key_passphrase: optional(
    secret,
    'what the keys of the CA are encrypted with on disk (PKCS#8, AES-256): those that are made from now on, and those that are found encrypted',
  ),
  record_key: optional(
    tokenKey,
    'the PKCS#11 token in which the key that signs the heads of the record is made at first start; left out: it is a file',
  ),
  issuers: defaulted(
    issuers,
    ['acme'],
    'each with its own `/acme/{issuer}/directory`; the first is also the plain one',
  ),
  staging: defaulted(flag, false, 'whether there is `/acme/staging/directory`: the same validation, an untrusted root'),
  validate_in: derived(
    reference('views', 'view'),
    context => context.declared.views[0] ?? '',
    'the first view',
    'the view in which challenges are looked up',
  ),
  authorization_reuse: defaulted(
    durationOrNone,
    '0s',
    'for how long after its validation an authorization serves further orders of its account (RFC 8555 §7.1.3)',
  ),
  accounts: defaulted(
    record({
      external_binding: defaulted(
        choice('off', 'optional', 'required'),
        'off',
        'whether who registers must hold a binding key (RFC 8555 §7.3.4)',
      ),
      contact: defaulted(choice('optional', 'required'), 'optional', 'whether who registers must give a mail address'),
      contact_domains: optional(
        list(domainName, { nonEmpty: true }),
        'the domains at or below which contacts must be; left out: any',
      ),
      terms_of_service: optional(url('http', 'https'), 'terms that who registers must agree to (RFC 8555 §7.3.3)'),
    }),
    {},
    'who may register',
  ),
  challenges: defaulted(
    list(challengeType, { unique: type => type, nonEmpty: true }),
    ['dns-01'],
    'how control of a name may be proved',
  ),
  challenge_ports: defaulted(
    record({
      'http-01': defaulted(integer(1, 65535), 80, 'where http-01 connects to'),
      'tls-alpn-01': defaulted(integer(1, 65535), 443, 'where tls-alpn-01 connects to'),
    }),
    {},
    'other ports, where tests need them',
  ),
  challenge_targets: defaulted(
    accessList,
    [],
    'loopback, link-local and other special addresses that http-01 and tls-alpn-01 may connect to all the same',
  ),
  issue: defaulted(list(issueRule), [], 'who may have which names; nothing is issued unless a rule says so'),
  reserved: defaulted(
    list(namePattern),
    [],
    'names that a person must approve, whichever rule allows them: `namestead ca approve`',
  ),
  admission: defaulted(
    flag,
    false,
    'whether `/api/v1/ca/admission/{key}` answers a Kubernetes AdmissionReview as an order of that key would be; it asks for no token',
  ),
  limits: defaulted(
    record({
      accounts: defaulted(integer(0, 1_000_000), 300, 'new accounts in an hour from one address (IPv6: one /64)'),
      orders: defaulted(integer(0, 1_000_000), 3000, 'new orders and authorizations in an hour of one account'),
      failures: defaulted(integer(0, 1_000_000), 300, 'failed validations in an hour of one account'),
    }),
    {},
    'what one client may ask for, 0 for any number; who asks for more gets 503 with Retry-After',
  ),
  crl: defaulted(
    record({
      partitions: defaulted(
        integer(1, 1024),
        1,
        'parts into which the CRLs of an issuer are split, so that clients fetch a small one; a certificate keeps to the part it was issued for',
      ),
      validity: defaulted(duration, '7d', 'how long a CRL may be relied on'),
      every: defaulted(duration, '1d', 'how often the next is signed, where nothing is revoked in between'),
    }),
    {},
    'certificate revocation lists',
  ),
  keep: defaulted(
    record({
      certificates: defaulted(duration, '90d', 'for how long a certificate is kept after its end'),
      record: defaulted(
        duration,
        '3650d',
        'for how long the lines of the record are kept; their hashes stay, so that what is kept can be verified',
      ),
    }),
    {},
    'what is kept how long',
  ),
  enrolment: defaulted(
    enrolment,
    {},
    'what the secrets of `namestead ca enrolment create` are good for, where the command does not say',
  ),
  est: optional(
    est,
    'EST (RFC 7030) at `{url}/.well-known/est` and `/.well-known/est/{issuer}`; who enrols shows an enrolment secret as password, who re-enrols the certificate of a profile that is `renewable`',
  ),
  scep: optional(
    scep,
    'SCEP (RFC 8894) at `{http_url}/scep` and `/scep/{issuer}`, for network gear; who enrols shows an enrolment secret as its challenge password',
  ),
  website: optional(url('http', 'https'), 'a page about the CA, named in the directory'),
  profiles: defaulted(
    profiles,
    [{ name: 'default', validity: '90d' }],
    'how certificates are made; the first is used where none is asked for',
  ),
  caa_identities: optional(
    list(text, { nonEmpty: true }),
    'the issuer domain names by which CAA records (RFC 8659) mean us; left out: the host of `url`',
  ),
  vault: optional(vault, 'the Vault-compatible API, for the Vault issuer of cert-manager and for SPIRE'),
})
/** The certificate authority. */
export type CaConfig = Decoded<typeof ca>
/** A way to prove control of a name. */
export type ChallengeType = Decoded<typeof challengeType>
