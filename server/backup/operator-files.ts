import { dirname, resolve } from 'node:path'
import { loadConfig, systemSources } from '../../config/load.ts'

/** A file that the operator supplied, with its text as it is now. */
export interface OperatorFile {
  path: string
  text: string
}

/** The config file first, then all that it reads: secrets, certificates, master files and what they include. As on disk now, valid or not. */
export function readOperatorFiles(configFile: string): OperatorFile[] {
  const files = new Map<string, string>()
  const readFile = (path: string): string => {
    const text = systemSources.readFile(path)
    files.set(resolve(path), text)
    return text
  }
  const { config } = loadConfig(configFile, { ...systemSources, readFile })
  for (const { zones } of config?.views ?? [])
    for (const { file } of zones) if (file !== undefined) addZone(file, readFile, files)
  return [...files].map(([path, text]) => ({ path, text }))
}

const INCLUDE = /^\$INCLUDE[ \t]+"?([^\s";]+)/gim

function addZone(file: string, readFile: (path: string) => string, files: ReadonlyMap<string, string>): void {
  if (files.has(file)) return
  try {
    for (const [, included] of readFile(file).matchAll(INCLUDE))
      addZone(resolve(dirname(file), included!), readFile, files)
  } catch (error) {
    // What is not there can't be kept; the daemon served without it, or will say so when it starts.
    if ((error as NodeJS.ErrnoException).code === undefined) throw error
  }
}
