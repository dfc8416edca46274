import { parseConfig } from '../../config/load.ts'
import type { FuzzTarget } from './target.ts'

/** Sources without any file: nothing outside may be touched by what a config says. */
const SOURCES = {
  readFile: () => {
    throw Object.assign(new Error('no such file'), { code: 'ENOENT' })
  },
  env: { XFR_NEW: 'AAAA', XFR_OLD: 'BBBB' },
  hostname: 'host.example',
}

const WORDS = [
  ...[
    'views:',
    'acls:',
    '  - ',
    '{ ',
    ' }',
    '[',
    ']',
    ': ',
    '&a ',
    '*a',
    '<<: *a',
    '!!',
    '|\n',
    '>\n',
    '---\n',
    '...\n',
  ],
  ...[
    'any',
    '"**"',
    '*',
    '10.0.0.0/8',
    '::/0',
    '90d',
    '[::]:53',
    'tls://',
    '~',
    'null',
    '0x7fffffff',
    '\\',
    '"',
    '#',
    '\t',
  ],
]

const decoder = new TextDecoder()

/** The config reader: whatever is in the file, findings with a place in it and never an exception; a decoded config is plain data. */
export const config: FuzzTarget = {
  extension: 'yaml',
  words: WORDS.map(word => new Uint8Array(Buffer.from(word))),
  check(input) {
    const text = decoder.decode(input)
    const { config, errors, warnings } = parseConfig(text, '/c/namestead.yaml', SOURCES)
    if (Boolean(config) === errors.length > 0) throw new Error('a config and errors, or neither')
    const lines = text.split(/\r\n|\r|\n/).length
    for (const { line, column, message } of [...errors, ...warnings])
      if (!(line >= 1 && line <= lines + 1 && column >= 1 && message))
        throw new Error(`no such place: ${line}:${column}`)
    structuredClone(config)
  },
}
