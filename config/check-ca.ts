import { isSubdomain, type Name, parseName } from '../dns/name.ts'
import { addressBytes } from './address.ts'
import type { RootConfig } from './ca-schema.ts'
import { type Say, shownName } from './findings.ts'
import { mayMatchBelow } from './pattern.ts'
import type { TokenKey } from './pkcs11.ts'
import type { CaConfig, Config } from './schema.ts'

/** What the CA could not issue, or nobody could use. */
export function checkCa(config: Config, ca: CaConfig, refuse: Say, doubt: Say): void {
  if (ca.validate_in === '') refuse(['ca', 'validate_in'], 'the CA needs a view in which challenges are looked up')
  checkValidity(ca, refuse)
  if (ca.crl.every * 2 > ca.crl.validity)
    refuse(['ca', 'crl', 'every'], 'a CRL must be valid for at least twice as long as it takes to the next')
  checkNameConstraints(ca, doubt)
  checkPolicies(ca, refuse, doubt)
  checkTokens(ca, refuse)
  checkServedIssuers(ca, refuse)
  checkScep(config, ca, doubt)
  if (config.listen.https.length === 0) doubt(['ca', 'url'], 'there is a CA but no https listener: nobody can reach it')
  if (ca.http_url && config.listen.http.length === 0)
    doubt(['ca', 'http_url'], 'there is an http_url but no http listener to serve it')
  if (ca.issue.length === 0) doubt(['ca'], 'there is no issue rule: nothing is issued')
}

/** A certificate never outlives its issuer. */
function checkValidity(ca: CaConfig, refuse: Say): void {
  const { root, intermediate } = ca
  if (!root.certificate && intermediate.validity >= root.validity)
    refuse(['ca', 'intermediate', 'validity'], 'the intermediate would be valid for longer than the root')
  for (const [i, profile] of ca.profiles.entries())
    if (profile.validity + profile.backdate >= intermediate.validity)
      refuse(
        ['ca', 'profiles', i, 'validity'],
        `certificates of the profile ${profile.name} would be valid for longer than the intermediate`,
      )
}

function checkNameConstraints(ca: CaConfig, doubt: Say): void {
  const { permitted: subtrees } = ca.intermediate.name_constraints ?? { permitted: [] }
  const permitted = subtrees.flatMap(one => ('dns' in one ? [parseName(one.dns)] : []))
  if (permitted.length === 0) return
  const domains = permitted.map(shownName).join(', ')
  const host = hostOf(ca.url)
  if (host && !permitted.some(domain => isSubdomain(host, domain)))
    doubt(
      ['ca', 'url'],
      `${shownName(host)} is outside the name constraints (${domains}): our own HTTPS certificate would be refused by clients`,
    )
  for (const [i, rule] of ca.issue.entries())
    for (const [j, pattern] of rule.names.entries())
      if (!permitted.some(domain => mayMatchBelow(pattern, domain)))
        doubt(
          ['ca', 'issue', i, 'names', j],
          `no name that "${pattern.text}" fits is within the name constraints (${domains})`,
        )
}

/** What is left out of trust can't be shown in a TLS handshake: staging has no EST. */
function checkServedIssuers({ est, scep, issuers, staging }: CaConfig, refuse: Say): void {
  const names = issuers.map(({ name }) => name)
  const served = {
    est: { names, config: est },
    scep: { names: [...names, ...(staging ? ['staging'] : [])], config: scep },
  }
  for (const [key, { names, config }] of Object.entries(served))
    for (const [i, name] of (config?.issuers ?? []).entries())
      if (!names.includes(name))
        refuse(['ca', key, 'issuers', i], `there is no issuer "${name}"; there are ${names.join(', ')}`)
}

/** Clients of SCEP have RSA keys, for what they are answered is encrypted to them. */
function checkScep(config: Config, { scep, issuers, profiles }: CaConfig, doubt: Say): void {
  if (!scep) return
  if (config.listen.http.length === 0) doubt(['ca', 'scep'], 'there is SCEP but no http listener to serve it')
  const all = [...profiles, ...issuers.flatMap(issuer => issuer.profiles ?? [])]
  if (!all.some(({ keys }) => keys.some(key => key.startsWith('rsa-'))))
    doubt(['ca', 'scep'], 'no profile takes RSA keys, and clients of SCEP have no others')
}

/** Keys are numbered after their label, and one that is there is used: two purposes with one label would share a key. */
function checkTokens({ root, intermediate, issuers, record_key: record }: CaConfig, refuse: Say): void {
  const keys: [path: (string | number)[], key: TokenKey | undefined][] = [
    [['ca', 'root', 'key'], madeInToken(root)],
    [['ca', 'intermediate', 'key'], intermediate.key],
    [['ca', 'record_key'], record],
    ...issuers.flatMap(({ name, root, intermediate }): [(string | number)[], TokenKey | undefined][] => [
      [['ca', 'issuers', name, 'root', 'key'], root && madeInToken(root)],
      [['ca', 'issuers', name, 'intermediate', 'key'], intermediate?.key],
    ]),
  ]
  const seen = new Set<string>()
  for (const [path, key] of keys) {
    if (!key) continue
    const { module, token, serial, slot, object } = key
    const label = JSON.stringify([module, token, serial, slot, object])
    if (seen.has(label))
      refuse(path, `another key of the CA is labelled "${object}" in this token: give each a label of its own`)
    seen.add(label)
  }
}

function madeInToken({ certificate, key }: RootConfig): TokenKey | undefined {
  return key && 'pkcs11' in key && certificate === undefined ? key.pkcs11 : undefined
}

/** RFC 5280 §6.1.3 (d): a policy holds only if every CA on the way asserts it, or any. */
function checkPolicies(ca: CaConfig, refuse: Say, doubt: Say): void {
  const asserted = new Set(ca.intermediate.policies.map(({ oid }) => oid))
  for (const [i, { name, policies }] of ca.profiles.entries())
    for (const { oid } of policies)
      if (asserted.size === 0)
        doubt(
          ['ca', 'profiles', i, 'policies'],
          `ca.intermediate asserts no policies: who requires ${oid} refuses certificates of the profile ${name}`,
        )
      else if (!asserted.has(oid) && !asserted.has(ANY_POLICY))
        refuse(['ca', 'profiles', i, 'policies'], `the policy ${oid} is none of ca.intermediate.policies`)
}

/** RFC 5280 §4.2.1.4. */
const ANY_POLICY = '2.5.29.32.0'

/** The URL's host as a domain name, unless it is an address: name constraints on domains do not concern those. */
function hostOf(url: string): Name | undefined {
  const { hostname } = new URL(url)
  return addressBytes(hostname.replace(/^\[|\]$/g, '')) ? undefined : parseName(hostname)
}
