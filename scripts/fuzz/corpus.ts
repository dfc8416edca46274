import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** Where a target's inputs are kept: good ones to begin with, and whatever once broke a promise. */
export function corpusFolder(target: string): string {
  return fileURLToPath(new URL(`../../test/corpus/${target}/`, import.meta.url))
}

/** Every input of the corpus, by file name. */
export function readCorpus(target: string): Map<string, Uint8Array> {
  const folder = corpusFolder(target)
  return new Map(
    readdirSync(folder)
      .sort()
      .map(file => [file, new Uint8Array(readFileSync(`${folder}${file}`))]),
  )
}

/** Keeps an input that broke a promise, named by its digest; returns its path. */
export function keepInput(target: string, extension: string, input: Uint8Array): string {
  const folder = corpusFolder(target)
  mkdirSync(folder, { recursive: true })
  const path = `${folder}found-${createHash('sha256').update(input).digest('hex').slice(0, 12)}.${extension}`
  writeFileSync(path, input)
  return path
}
