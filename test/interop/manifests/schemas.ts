import { globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { run } from '../tools.ts'

/** As much of a custom resource's definition as is looked at. */
interface Definition {
  spec: {
    group: string
    names: { kind: string }
    versions: { name: string; schema: { openAPIV3Schema: object } }[]
  }
}

/** A schema of Kubernetes, and of which kinds it is. */
interface Described {
  'x-kubernetes-group-version-kind'?: { group: string; version: string; kind: string }[]
}

/** Where kubeconform finds what `writeSchemas` has written into `folder`. */
export function schemaLocation(folder: string): string {
  return join(folder, '{{.ResourceKind}}{{.KindSuffix}}.json')
}

/**
 * Writes the schemas of `kinds` for kubeconform into `folder`: what API servers say of their own kinds (of which client-go and kube-openapi, among the modules of `cwd`, have
 * copies for their tests), and cert-manager's definitions of its own.
 */
export async function writeSchemas(cwd: string, folder: string, kinds: ReadonlySet<string>): Promise<void> {
  mkdirSync(folder, { recursive: true })
  const write = (group: string, version: string, kind: string, schema: object) => {
    if (!kinds.has(kind)) return
    const name = [kind, group.split('.')[0], version].filter(Boolean).join('-').toLowerCase()
    writeFileSync(join(folder, `${name}.json`), JSON.stringify(schema))
  }
  const writeAll = (schemas: Record<string, Described>, base: string, all: object) => {
    for (const [name, described] of Object.entries(schemas))
      for (const { group, version, kind } of described['x-kubernetes-group-version-kind'] ?? [])
        write(group, version, kind, { ...all, $ref: `#/${base}/${name}` })
  }
  const read = (path: string) => JSON.parse(readFileSync(path, 'utf8'))

  const { definitions } = read(join(await folderOf(cwd, 'k8s.io/kube-openapi'), 'pkg/schemaconv/testdata/swagger.json'))
  writeAll(definitions, 'definitions', { definitions })
  const served = join(await folderOf(cwd, 'k8s.io/client-go'), 'openapi/openapitest/testdata')
  for (const path of globSync(join(served, '*_openapi.json'))) {
    const { components } = read(path)
    writeAll(components.schemas, 'components/schemas', { components })
  }
  const custom = join(await folderOf(cwd, 'github.com/cert-manager/cert-manager'), 'deploy/crds')
  for (const path of globSync(join(custom, '*_*.yaml'))) {
    const { spec } = parse(readFileSync(path, 'utf8')) as Definition
    for (const { name, schema } of spec.versions) write(spec.group, name, spec.names.kind, schema.openAPIV3Schema)
  }
}

/** Where Go keeps a module; it is fetched where it is not there. */
async function folderOf(cwd: string, path: string): Promise<string> {
  const fetched = await run('go', ['mod', 'download', '-json', path], { cwd, timeout: 300_000 })
  if (fetched.status !== 0) throw new Error(fetched.stderr)
  return (JSON.parse(fetched.stdout) as { Dir: string }).Dir
}
