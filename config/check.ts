import { equalNames, type Name } from '../dns/name.ts'
import { checkCa } from './check-ca.ts'
import { checkSigning } from './check-dnssec.ts'
import { checkListeners } from './check-listeners.ts'
import { checkZone } from './check-rules.ts'
import { type Say, shownName } from './findings.ts'
import type { Config, KeyConfig, TsigAlgorithm, ViewConfig } from './schema.ts'
import { type Place, placeOf, type Source } from './source.ts'

/** Looks at what only shows when the whole config is seen: errors, and what is legal but unsafe or won't work. */
export function checkConfig(
  config: Config,
  document: Source,
  error: (at: Place, message: string) => void,
  warn: (at: Place, message: string) => void,
): void {
  const refuse: Say = (path, message) => error(placeOf(document, path), message)
  const doubt: Say = (path, message) => warn(placeOf(document, path), message)
  checkDataDir(config.data_dir, refuse)
  checkListeners(config, refuse, doubt)
  for (const [i, key] of config.keys.entries()) checkKey(key, i, doubt)
  for (const [i, view] of config.views.entries()) checkView(config, view, i, refuse, doubt)
  if (config.ca) checkCa(config, config.ca, refuse, doubt)
  else if (config.api.certificates.length > 0)
    refuse(['api', 'certificates'], 'there is no CA whose certificates could be shown')
}

/** The longest path of a Unix socket (`sun_path`), less its final NUL. */
const LONGEST_SOCKET_PATH = process.platform === 'linux' ? 107 : 103

function checkDataDir(directory: string, refuse: Say): void {
  const length = Buffer.byteLength(`${directory}/control.sock`)
  if (length > LONGEST_SOCKET_PATH)
    refuse(
      ['data_dir'],
      `its control.sock would have a path of ${length} octets, at most ${LONGEST_SOCKET_PATH} work: use a shorter data_dir`,
    )
}

/** Octets of the digest: RFC 8945 §6, Table 3. */
const DIGEST_LENGTH: Readonly<Record<TsigAlgorithm, number>> = {
  'hmac-md5': 16,
  'hmac-sha1': 20,
  'hmac-sha224': 28,
  'hmac-sha256': 32,
  'hmac-sha384': 48,
  'hmac-sha512': 64,
}

function checkKey(key: KeyConfig, index: number, doubt: Say): void {
  const least = DIGEST_LENGTH[key.algorithm]
  for (const [i, secret] of key.secret.entries()) {
    if (secret.length >= least) continue
    // RFC 2104 §3: keys shorter than the digest are strongly discouraged.
    const which = key.secret.length > 1 ? `secret ${i + 1} of` : 'the secret of'
    doubt(
      ['keys', index, 'secret'],
      `${which} ${shownName(key.name)} has ${secret.length} octets; ${key.algorithm} deserves at least ${least}`,
    )
  }
}

function checkView(config: Config, view: ViewConfig, index: number, refuse: Say, doubt: Say): void {
  const path = ['views', index]
  if (view.recursion.length > 0 && view.forward.length === 0 && !view.stub && config.stub.length === 0)
    doubt([...path, 'recursion'], `the view ${view.name} has recursion but no forward rule: nothing is resolved`)
  if (view.forward.length > 0 && view.recursion.length === 0)
    doubt([...path, 'forward'], `the view ${view.name} has forward rules but no recursion: nobody may use them`)
  const earlier = config.views.slice(0, index).find(isForEverybody)
  if (earlier && view.match.keys.length === 0)
    doubt([...path, 'match'], `the view ${view.name} is never reached: ${earlier.name}, before it, is for everybody`)
  checkForwarders(config, view, path, refuse)
  checkStubs(view, path, refuse)
  checkPolicies(view, path, refuse)
  for (const [i, zone] of view.zones.entries()) {
    checkZone(config, view, zone, [...path, 'zones', i], refuse, doubt)
    checkSigning(config, view, zone, [...path, 'zones', i], refuse, doubt)
  }
}

function isForEverybody({ match }: ViewConfig): boolean {
  if (match.destinations || match.doh_path) return false
  if (!match.clients) return match.keys.length === 0
  return [4, 16].every(size => match.clients!.some(block => block.length === 0 && block.bytes.length === size))
}

/** A query sent to ourselves would come back to be sent again. */
function checkForwarders(config: Config, view: ViewConfig, path: (string | number)[], refuse: Say): void {
  for (const [i, rule] of view.forward.entries()) {
    for (const [j, upstream] of rule.to.entries()) {
      if (!('address' in upstream)) continue
      const ours = config.listen.dns.concat(config.listen.dot)
      if (upstream.port !== 0 && ours.some(one => one.address === upstream.address && one.port === upstream.port))
        refuse([...path, 'forward', i, 'to', j], `${upstream.address} port ${upstream.port} is ourselves`)
    }
    if (isZoneOf(view, rule.zone))
      refuse([...path, 'forward', i, 'zone'], `${shownName(rule.zone)} is a zone of this view: it can't be forwarded`)
  }
}

function checkStubs(view: ViewConfig, path: (string | number)[], refuse: Say): void {
  for (const [i, { zone }] of (view.stub ?? []).entries()) {
    const at = [...path, 'stub', i, 'zone']
    if (isZoneOf(view, zone)) refuse(at, `${shownName(zone)} is a zone of this view: it is no stub zone`)
    if (view.forward.some(rule => equalNames(rule.zone, zone)))
      refuse(at, `${shownName(zone)} has a forward rule: it is no stub zone`)
  }
}

function checkPolicies(view: ViewConfig, path: (string | number)[], refuse: Say): void {
  for (const [i, { zone }] of (view.rpz ?? []).entries())
    if (!isZoneOf(view, zone))
      refuse([...path, 'rpz', i, 'zone'], `the view ${view.name} has no zone ${shownName(zone)}`)
}

function isZoneOf(view: ViewConfig, name: Name): boolean {
  return view.zones.some(zone => equalNames(zone.name, name))
}
