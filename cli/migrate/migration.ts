import type { Written } from '../../config/kinds.ts'

/** What a migration comes to: our configuration and the files that go with it. */
export interface Migration {
  config: { [key: string]: Written }
  /** Files to be written, by their path relative to the config. */
  files: MigratedFile[]
  /** What could not be carried over, in sentences that say where it stood and what to do. */
  lost: string[]
}

export interface MigratedFile {
  path: string
  content: string
  /** Whether it holds a secret. */
  secret?: boolean
}

/** The values that are there, without those that are empty. */
export function present(values: { readonly [key: string]: Written | undefined }): { [key: string]: Written } {
  const said = Object.entries(values).filter(
    ([, value]) => value !== undefined && !(Array.isArray(value) && value.length === 0),
  )
  return Object.fromEntries(said) as { [key: string]: Written }
}
