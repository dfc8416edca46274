import { matchGlob } from '../../../config/glob.ts'

/** A search of whole texts, whatever their case: "*" stands for any text, "?" for one character. */
export function compileGlob(pattern: string): (text: string) => boolean {
  const wanted = [...pattern.toLowerCase()]
  return text => matchGlob(wanted, [...text.toLowerCase()], '*', (one, character) => one === '?' || one === character)
}
