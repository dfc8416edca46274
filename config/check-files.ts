import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readZonefile } from './check-zonefile.ts'
import type { ConfigSources, LoadedConfig } from './load.ts'
import type { Config, ZoneConfig } from './schema.ts'
import { reasonOf } from './secret.ts'
import type { ConfigError } from './source.ts'

/** What is wrong in the files that a config names. */
export interface FileFindings {
  errors: ConfigError[]
  warnings: ConfigError[]
}

/** Reads every zone file and certificate that a config names, and checks them as the daemon would at its start. */
export function checkFiles(loaded: LoadedConfig, sources: ConfigSources): FileFindings {
  const findings: FileFindings = { errors: [], warnings: [] }
  if (!loaded.config) return findings
  const refuse = (path: (string | number)[], message: string) =>
    findings.errors.push({ file: loaded.file, ...loaded.place(path), message })
  for (const [i, view] of loaded.config.views.entries())
    for (const [j, zone] of view.zones.entries())
      checkZonefile(zone, sources, findings, message => refuse(['views', i, 'zones', j, 'file'], message))
  checkCertificate(loaded.config, message => refuse(['tls'], message))
  return findings
}

function checkZonefile(
  zone: ZoneConfig,
  sources: ConfigSources,
  findings: FileFindings,
  refuse: (message: string) => void,
) {
  if (zone.file === undefined || zone.type === 'secondary') return
  const text = readText(zone.file, sources, refuse)
  if (text === undefined) return
  const { errors, warnings } = readZonefile(text, {
    origin: zone.name,
    file: zone.file,
    readFile: sources.readFile,
    overlay: zone.overlay_of !== undefined,
  })
  for (const { file, line, column, reason } of errors) findings.errors.push({ file, line, column, message: reason })
  for (const { file, line, column, reason } of warnings) findings.warnings.push({ file, line, column, message: reason })
}

function readText(file: string, sources: ConfigSources, refuse: (message: string) => void): string | undefined {
  try {
    return sources.readFile(file)
  } catch (error) {
    refuse(`${file} can't be read: ${reasonOf(error)}`)
    return undefined
  }
}

function checkCertificate({ tls }: Config, refuse: (message: string) => void): void {
  if (!tls) return
  try {
    if (!new X509Certificate(tls.certificate).checkPrivateKey(createPrivateKey(tls.key)))
      refuse('the key does not belong to the certificate')
  } catch {
    // OpenSSL's reasons may quote the key.
    refuse("the certificate or its key can't be read: both must be PEM, the key without a passphrase")
  }
}
