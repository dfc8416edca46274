import { readFileSync } from 'node:fs'
import { findPackageJSON } from 'node:module'

/** The version in package.json, whether this runs from a clone or from the built package. */
export const VERSION: string = JSON.parse(readFileSync(findPackageJSON('.', import.meta.url)!, 'utf8')).version
