import t from 'tap'
import { colourful, cutTo, mayColour, plain, widthOf } from '../../cli/colour.ts'

t.test('colours are for terminals that have them, unless somebody wants none', async t => {
  t.equal(mayColour(true, {}), true)
  t.equal(mayColour(false, {}), false)
  t.equal(mayColour(true, { NO_COLOR: '1' }), false)
  t.equal(mayColour(true, { NO_COLOR: '' }), true, 'an empty NO_COLOR is none')
  t.equal(mayColour(true, { TERM: 'dumb' }), false)
})

t.test('a coloured text takes as much room, and is cut where a plain one is', async t => {
  const text = `ab${colourful('bad', 'cde')}f`
  t.equal(widthOf(text), 6)
  t.equal(widthOf(plain('bad', 'cde')), 3)
  t.equal(cutTo(text, 3), `ab${colourful('bad', 'c')}`)
  t.equal(cutTo(text, 6), text)
  t.equal(cutTo(text, 1), `a${colourful('bad', '')}`)
})
