import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { KeyError, signerOf } from '../ca/hierarchy/keystore.ts'
import { publicKeyIn } from '../ca/hierarchy/material.ts'
import { isReference } from '../ca/hierarchy/tokens.ts'
import type { ConfigSources, LoadedConfig } from '../config/load.ts'
import type { Config, ZoneConfig } from '../config/schema.ts'
import { reasonOf } from '../config/secret.ts'
import type { ConfigError } from '../config/source.ts'
import type { Name } from '../dns/name.ts'
import type { ResourceRecord } from '../dns/record.ts'
import type { ZonefileError } from '../dns/zonefile.ts'
import { readZoneFile } from '../zones/file/file.ts'
import { recordsOfVersion } from '../zones/history/baseline.ts'
import { readOverlayFile } from '../zones/overlay/file.ts'

/** What is wrong in the files that a config names. */
export interface FileFindings {
  errors: ConfigError[]
  warnings: ConfigError[]
}

/** Reads every zone file, certificate and CA key that a config names as the daemon does at its start, and changes nothing. */
export function checkFiles(loaded: LoadedConfig, { readFile }: ConfigSources): FileFindings {
  const findings: FileFindings = { errors: [], warnings: [] }
  const { config } = loaded
  if (!config) return findings
  const refuse = (path: (string | number)[]) => (message: string) =>
    void findings.errors.push({ file: loaded.file, ...loaded.place(path), message })
  for (const [i, view] of config.views.entries())
    for (const [j, zone] of view.zones.entries())
      checkZone(zone, readFile, findings, refuse(['views', i, 'zones', j, 'file']))
  if (config.tls) checkPair(config.tls.certificate, config.tls.key, 'tls', refuse(['tls']))
  if (config.ca) {
    checkAuthority(config, refuse(['ca']))
    for (const message of exposedKeys(join(config.data_dir, 'ca')))
      findings.warnings.push({ file: loaded.file, ...loaded.place(['ca']), message })
  }
  return findings
}

/** A master file's records, what is wrong with it, and what is legal but hardly meant. */
export interface MasterFile extends FileFindings {
  records: ResourceRecord[]
}

/** Checks the master file of a zone by itself. */
export function checkMasterFile(file: string, origin: Name, readFile: ConfigSources['readFile']): MasterFile {
  const { image, errors, warnings } = readZoneFile(file, origin, readFile)
  return {
    records: image ? recordsOfVersion(image.latest()) : [],
    errors: errors.map(plain),
    warnings: warnings.map(plain),
  }
}

function plain({ file, line, column, reason }: ZonefileError): ConfigError {
  return { file, line, column, message: reason }
}

function checkZone(
  { name, file, type, overlay_of: base }: ZoneConfig,
  readFile: ConfigSources['readFile'],
  findings: FileFindings,
  refuse: (message: string) => void,
): void {
  if (file === undefined || type === 'secondary') return
  try {
    readFile(file)
    const read = base === undefined ? readZoneFile : readOverlayFile
    const { errors, warnings } = read(file, name, readFile)
    findings.errors.push(...errors.map(plain))
    findings.warnings.push(...warnings.map(plain))
  } catch (error) {
    refuse(`${file} can't be read: ${reasonOf(error)}`)
  }
}

function checkPair(certificate: string, key: string, what: string, refuse: (message: string) => void): void {
  try {
    if (!new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key)))
      refuse(`the key of ${what} does not belong to its certificate`)
  } catch {
    // OpenSSL's reasons may quote the key.
    refuse(`the certificate of ${what} or its key can't be read: both must be PEM, the key without a passphrase`)
  }
}

/** The CA's own files, where it has been started before. Keys in tokens are not asked for: a wrong PIN counts each time. */
function checkAuthority({ data_dir, ca }: Config, refuse: (message: string) => void): void {
  const { key_passphrase: passphrase } = ca!
  const { certificate, key } = ca!.root
  if (certificate !== undefined && key && 'pem' in key)
    checkSigner(certificate, key.pem, 'ca.root.key', passphrase, refuse)
  const folder = join(data_dir, 'ca')
  for (const name of certificatesIn(folder, refuse)) {
    const [crt, keyFile] = [join(folder, name), join(folder, name.replace(/\.crt$/, '.key'))]
    try {
      checkSigner(readFileSync(crt, 'utf8'), readFileSync(keyFile, 'utf8'), keyFile, passphrase, refuse)
    } catch (error) {
      refuse(`${crt} and its .key belong together, and one can't be read: ${reasonOf(error)}`)
    }
  }
}

/** What is said of keys of the CA that others can read, those of staging and of issuers with a hierarchy of their own, too. */
function exposedKeys(folder: string): string[] {
  try {
    const keys = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(name => name.endsWith('.key'))
    return keys
      .map(name => join(folder, name))
      .filter(path => (statSync(path).mode & 0o077) !== 0)
      .map(path => `${path} can be read by others; make its mode 0600`)
  } catch {
    // That the folder can't be read is said by who reads the certificates in it.
    return []
  }
}

function checkSigner(
  certificate: string,
  key: string,
  origin: string,
  passphrase: string | undefined,
  refuse: (message: string) => void,
): void {
  const publicKey = publicKeyIn(certificate)
  if (!publicKey) refuse(`the certificate beside ${origin} can't be read: it must be PEM`)
  if (!publicKey || isReference(key)) return
  try {
    if (!Buffer.from(publicKey).equals(signerOf(key, origin, passphrase).publicKey))
      refuse(`the key ${origin} does not belong to its certificate`)
  } catch (error) {
    if (!(error instanceof KeyError)) throw error
    refuse(error.message)
  }
}

/** Roots and intermediates; what else is there is made again where it can't be used. */
function certificatesIn(folder: string, refuse: (message: string) => void): string[] {
  try {
    return readdirSync(folder).filter(name => /^(root(-\d+)?|intermediate-\d+)\.crt$/.test(name))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') refuse(`${folder} can't be read: ${reasonOf(error)}`)
    return []
  }
}
