import type { VNode } from 'preact'

/** What a component gives, whatever its own properties are. */
// biome-ignore lint/suspicious/noExplicitAny: a node of any properties is a node
export type View = VNode<any>
