import { nameConstraints } from './constraints-schema.ts'
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
import { type TokenKey, tokenKey } from './pkcs11.ts'
import { pem, secret } from './secret.ts'
import {
  accessList,
  choice,
  domainName,
  duration,
  durationOrNone,
  file,
  flag,
  integer,
  namePattern,
  parsed,
  reference,
  text,
  url,
} from './values.ts'
import { vault } from './vault-schema.ts'

const keyAlgorithm = choice('ecdsa-p256', 'ecdsa-p384', 'ed25519', 'rsa-2048', 'rsa-3072', 'rsa-4096')
/** What kind of key is generated. */
export type KeyAlgorithm = Decoded<typeof keyAlgorithm>

/** Where the private key of a CA is. */
export type KeySource = { pem: string } | { pkcs11: TokenKey } | { offline: true }

const keySource: Kind<KeySource> = {
  json: { anyOf: [pem.json, tokenKey.json] },
  label: '`{ file: PATH }`, `{ pkcs11: URI }` or `offline`',
  decode(source, context) {
    if (source.kind === 'scalar' && source.value === 'offline') return { offline: true }
    if (source.kind === 'map' && source.entries.has('pkcs11')) {
      const pkcs11 = tokenKey.decode(source, context)
      return pkcs11 && { pkcs11 }
    }
    const key = pem.decode(source, context)
    return key === undefined ? undefined : { pem: key }
  },
}

const pkcs12 = record({
  file: required(file, 'the file'),
  passphrase: defaulted(secret, '', 'what it is encrypted with'),
})

const root = record(
  {
    generate: defaulted(keyAlgorithm, 'ecdsa-p384', 'the kind of key made at first start'),
    validity: defaulted(duration, '3650d', 'how long its certificate is valid'),
    certificate: optional(pem, 'the certificate of a root that exists already'),
    pkcs12: optional(pkcs12, 'instead: that certificate and its key in one PKCS#12 file'),
    key: optional(
      keySource,
      'the key of that root; without a certificate, the token in which the key is found, or made at first start',
    ),
  },
  ({ certificate, key, pkcs12 }) => {
    if (pkcs12)
      return certificate || key ? 'a PKCS#12 file holds certificate and key: give neither beside it' : undefined
    if (certificate) return key ? undefined : 'an imported root needs both certificate and key'
    return key && !('pkcs11' in key) ? 'a key without its certificate can only be in a PKCS#11 token' : undefined
  },
)
/** The trust anchor of our certificates. */
export type RootConfig = Decoded<typeof root>

/** Which roots sign which others. */
const crossSigning = choice('none', 'forward', 'both')
/** Which roots sign which others. */
export type CrossSigning = Decoded<typeof crossSigning>

/** A root that signed before. */
export interface FormerRootConfig {
  /** PEM. */
  certificate: string
  key?: KeySource
}

const formerWithKey = record({
  certificate: required(pem, 'its certificate'),
  key: optional(keySource, 'its key, to sign the root that follows'),
})

const formerRoot: Kind<FormerRootConfig> = {
  json: { anyOf: [pem.json, formerWithKey.json] },
  label: 'path of a PEM file, or map of `certificate` and `key`',
  decode(source, context) {
    if (source.kind === 'map' && source.entries.has('certificate')) return formerWithKey.decode(source, context)
    const certificate = pem.decode(source, context)
    return certificate === undefined ? undefined : { certificate }
  },
}

const objectIdentifier = parsed('object identifier', value =>
  /^[0-2](\.(0|[1-9]\d*)){2,}$/.test(value) ? value : undefined,
)

const policyWithPage = record({
  oid: required(objectIdentifier, 'its object identifier'),
  cps: optional(url('http', 'https'), 'the page of its certification practice statement'),
})
/** A certificate policy. */
export type CertificatePolicy = Decoded<typeof policyWithPage>

const policies: Kind<CertificatePolicy[]> = list(
  byShape<CertificatePolicy>({
    scalar: mapped(objectIdentifier, oid => ({ oid })),
    map: policyWithPage,
    label: 'policy: an object identifier, or map of `oid` and `cps`',
  }),
  { unique: ({ oid }) => oid },
)

const intermediate = record({
  generate: defaulted(keyAlgorithm, 'ecdsa-p256', 'the kind of key made'),
  validity: defaulted(
    duration,
    '365d',
    'how long its certificate is valid; it is renewed while the longest profile still fits',
  ),
  key: optional(
    tokenKey,
    'the PKCS#11 token in which its keys are made, each labelled `object` and a number; left out: they are files',
  ),
  name_constraints: optional(
    nameConstraints,
    'the only domains below which it may certify names, or what else is permitted and excluded (RFC 5280 §4.2.1.10)',
  ),
  policies: defaulted(
    policies,
    [],
    'the policies under which it certifies (RFC 5280 §4.2.1.4); those of profiles must be among them',
  ),
})
/** The certificate that signs the others. */
export type IntermediateConfig = Decoded<typeof intermediate>

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

function isBase64(value: string): boolean {
  return value !== '' && Buffer.from(value, 'base64').toString('base64') === value
}

const percentage: Kind<number> = parsed('percentage such as 5%', value => {
  const match = /^(\d{1,2}(?:\.\d{1,3})?)%$/.exec(value)
  return match && Number(match[1]) <= 50 ? Number(match[1]) / 100 : undefined
})

const profile = record({
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
})
/** How a certificate is made. */
export type ProfileConfig = Decoded<typeof profile>

const profiles = list(profile, { unique: one => one.name, nonEmpty: true })

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
