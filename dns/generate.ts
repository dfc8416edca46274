import { TextError } from './errors.ts'

/** The numbers of a $GENERATE, both ends included. */
export interface Range {
  start: number
  stop: number
  step: number
}

const MAX_NUMBER = 0x7fffffff
/** Records that one file may generate: enough for the reverse zone of a /12; more is taken for a slip of the pen. */
export const MAX_GENERATED = 2 ** 20

/** "start-stop" or "start-stop/step" of $GENERATE, which is BIND's and in no RFC. */
export function parseRange(text: string): Range {
  const parts = /^(\d{1,10})-(\d{1,10})(?:\/(\d{1,10}))?$/.exec(text)
  if (!parts) throw new TextError(`"${text}" is not a range such as 1-254 or 0-255/8`)
  const [start, stop, step] = [Number(parts[1]), Number(parts[2]), Number(parts[3] ?? 1)]
  if (stop < start || step < 1 || stop > MAX_NUMBER) throw new TextError(`"${text}" is not a range from low to high`)
  return { start, stop, step }
}

/** The template with every "$" and "${offset,width,base}" replaced by the number; "$$" and "\$" are dollar signs. */
export function expandTemplate(template: string, number: number): string {
  return template.replace(
    /\\.|\$\$|\$\{([^}]*)(\}?)|\$/gs,
    (match, modifier: string | undefined, brace: string | undefined) => {
      if (match[0] === '\\') return match
      if (match === '$$') return '\\$'
      if (modifier === undefined) return String(number)
      if (brace === '') throw new TextError(`"${template}" has a \${ without its }`)
      return printModified(modifier, number)
    },
  )
}

function printModified(modifier: string, number: number): string {
  const parts = /^(-?\d{1,9})(?:,(\d{1,3})(?:,([doxXnN]))?)?$/.exec(modifier)
  if (!parts)
    throw new TextError(`"\${${modifier}}" is not of the form \${offset,width,base} with base d, o, x, X, n or N`)
  const value = number + Number(parts[1])
  const width = Number(parts[2] ?? 0)
  if (value < 0) throw new TextError(`"\${${modifier}}" makes ${number} negative`)
  switch (parts[3]) {
    case 'o':
      return value.toString(8).padStart(width, '0')
    case 'x':
      return value.toString(16).padStart(width, '0')
    case 'X':
      return value.toString(16).toUpperCase().padStart(width, '0')
    case 'n':
      return nibbles(value.toString(16), width)
    case 'N':
      return nibbles(value.toString(16).toUpperCase(), width)
    default:
      return String(value).padStart(width, '0')
  }
}

/** Hexadecimal digits as labels, lowest first, as ip6.arpa has them. The width counts dots too, so an even one ends in a dot. */
function nibbles(digits: string, width: number): string {
  const text = [...digits.padStart(Math.ceil(width / 2), '0')].reverse().join('.')
  return text.length < width ? `${text}.` : text
}
