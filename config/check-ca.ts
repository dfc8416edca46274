import { isSubdomain, type Name, parseName } from '../dns/name.ts'
import { addressBytes } from './address.ts'
import { type Say, shownName } from './findings.ts'
import { mayMatchBelow } from './pattern.ts'
import type { CaConfig, Config } from './schema.ts'

/** What the CA could not issue, or nobody could use. */
export function checkCa(config: Config, ca: CaConfig, refuse: Say, doubt: Say): void {
  if (ca.validate_in === '') refuse(['ca', 'validate_in'], 'the CA needs a view in which challenges are looked up')
  checkValidity(ca, refuse)
  if (ca.crl.every * 2 > ca.crl.validity)
    refuse(['ca', 'crl', 'every'], 'a CRL must be valid for at least twice as long as it takes to the next')
  checkNameConstraints(ca, doubt)
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
  const permitted = ca.intermediate.name_constraints
  if (!permitted) return
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

/** The URL's host as a domain name, unless it is an address: name constraints on domains do not concern those. */
function hostOf(url: string): Name | undefined {
  const { hostname } = new URL(url)
  return addressBytes(hostname.replace(/^\[|\]$/g, '')) ? undefined : parseName(hostname)
}
