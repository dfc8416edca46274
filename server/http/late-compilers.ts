import { createRequire } from 'node:module'
import type { FastifyServerOptions } from 'fastify'

type Factories = NonNullable<NonNullable<FastifyServerOptions['schemaController']>['compilersFactory']>

/** What both packages give: a compiler for a set of schemas. Their own types tell apart kinds that fastify does not use. */
type Build<Compiled> = (schemas: unknown, options: unknown) => (definition: unknown) => Compiled

interface Validate {
  (data: unknown): unknown
  errors?: unknown
}
type Serialize = (data: unknown) => string

const require = createRequire(import.meta.url)

/**
 * fastify's own compilers of schemas, each at work when a request first needs what it compiles: doing all at the start would hold it up longer
 * than all else that HTTP does, and most routes of a daemon are never asked for.
 */
export const lateCompilers = {
  buildValidator: late<Validate>('@fastify/ajv-compiler', lateValidator),
  buildSerializer: late<Serialize>('@fastify/fast-json-stringify-compiler', compiled => data => compiled()(data)),
} as Factories

/** The builder of that package, which is itself loaded when something is first compiled; `wrap` makes what it compiles of what compiles it. */
function late<Compiled>(name: string, wrap: (compiled: () => Compiled) => Compiled): Build<Compiled> {
  const build = once(() => require(name)() as Build<Compiled>)
  return (schemas, options) => {
    const compile = once(() => build()(schemas, options))
    return definition => wrap(once(() => compile()(definition)))
  }
}

/** After the call it says in `errors` what is wrong, as what it stands for does. */
function lateValidator(compiled: () => Validate): Validate {
  const validate: Validate = data => {
    const result = compiled()(data)
    validate.errors = compiled().errors
    return result
  }
  return validate
}

function once<T>(make: () => T): () => T {
  let made: { value: T } | undefined
  return () => {
    made ??= { value: make() }
    return made.value
  }
}
