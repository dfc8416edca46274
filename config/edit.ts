import { Document, isSeq, parseDocument, visit } from 'yaml'
import type { Written } from './kinds.ts'

/** A change of a config file: an item that a list is to have at its end, or at its beginning. */
export interface ListEdit {
  /** Where the list is; it is made where it is missing. */
  path: readonly (string | number)[]
  item: Written
  first?: boolean
}

/** The text of a config with the edits in it, comments and all else as they were. Throws Error where a list is something else. */
export function editConfig(text: string, edits: readonly ListEdit[]): string {
  const document = parseDocument(text, { version: '1.2' })
  const [broken] = document.errors
  if (broken) throw new Error(broken.message)
  for (const { path, item, first } of edits) {
    const node = document.createNode(item, { flow: true })
    const list = document.getIn(path, true)
    if (list === undefined || list === null) {
      document.setIn(path, document.createNode([]))
      document.addIn(path, node)
    } else if (!isSeq(list)) throw new Error(`${path.join('.')} is not a list`)
    else if (first) list.items.unshift(node)
    else list.add(node)
  }
  // Long lines stay as the operator wrote them.
  return document.toString({ lineWidth: 0 })
}

/** A config as text, with a comment at its head. */
export function printConfig(config: Written, head: string): string {
  const document = new Document(config)
  document.commentBefore = ` ${head}`
  visit(document, {
    Collection(_key, node, path) {
      // Views and zones stand on lines of their own; what is within them is short.
      if (path.length > INLINE_FROM) node.flow = true
    },
  })
  return document.toString({ lineWidth: 0 })
}

/** How deep collections are when they are written on one line: those within a zone. */
const INLINE_FROM = 9
