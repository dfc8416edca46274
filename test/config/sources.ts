import { readFileSync } from 'node:fs'
import { type ConfigSources, type LoadedConfig, parseConfig } from '../../config/load.ts'
import type { ConfigError } from '../../config/source.ts'

/** 32 octets in base64. */
export const SECRET = Buffer.from('0123456789abcdef0123456789abcdef').toString('base64')

/** Sources of which only `files` and `env` exist; the host is called host.example. */
export function sourcesOf(files: Record<string, string> = {}, env: Record<string, string> = {}): ConfigSources {
  return {
    readFile(path) {
      if (Object.hasOwn(files, path)) return files[path]!
      throw Object.assign(new Error('no such file'), { code: 'ENOENT' })
    },
    env,
    hostname: 'host.example',
  }
}

/** What comes of a config that stands in /etc/namestead/namestead.yaml. */
export function load(text: string, sources: ConfigSources = sourcesOf()): LoadedConfig {
  return parseConfig(text, '/etc/namestead/namestead.yaml', sources)
}

/** "line:column: message" of each finding. */
export function shown(findings: readonly ConfigError[]): string[] {
  return findings.map(({ line, column, message }) => `${line}:${column}: ${message}`)
}

/** The text of a file beside this one. */
export function fixture(name: string): string {
  return readFileSync(new URL(name, import.meta.url), 'utf8')
}
