import { existsSync, globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import t, { type Test } from 'tap'
import { parseAllDocuments, stringify } from 'yaml'
import { playDaemon, put, type } from '../cli/session.ts'
import { schemaLocation, writeSchemas } from './manifests/schemas.ts'
import { run, scratch, without } from './tools.ts'

const MODULES = join('test', 'interop', 'manifests')
const READER = resolve('.cache', 'manifests')
const KUBECONFORM = resolve('.cache', 'kubeconform')
/** trust-manager's, of which nobody here has a definition. */
const UNKNOWN = 'Bundle'

const CONFIG = `
name: ns1.internal.example.com
data_dir: ./state
views: [{ name: inside, zones: [{ name: internal.example.com, dynamic: true }] }]
ca: { name: Example, url: "https://ca.internal.example.com", issue: [] }
`
const ROOT = { subject: 'CN=Root', sha256: 'AA', not_after: '', certificate: '-----BEGIN CERTIFICATE-----\n' }

interface Manifest {
  kind: string
  // biome-ignore lint/suspicious/noExplicitAny: tests spoil whatever there is
  [member: string]: any
}

/** What is in the repository, and what `namestead onboard` prints, by name. */
async function manifests(t: Test): Promise<Record<string, Manifest[]>> {
  const { cwd } = await playDaemon(t, {
    reload: () => ({ changed: [], restart: [], warnings: [] }),
    'ca.roots': () => [ROOT],
  })
  put(cwd, 'namestead.yaml', CONFIG)
  const { out } = await type(cwd, ['onboard', 'c1', '--server', '192.0.2.53'])
  const files = globSync('packaging/kubernetes/*.yaml').sort()
  const texts = Object.fromEntries(files.map(path => [path, readFileSync(path, 'utf8')]))
  return Object.fromEntries(
    Object.entries({ ...texts, onboard: out }).map(([name, text]) => [
      name,
      parseAllDocuments(text)
        .map(document => document.toJSON() as Manifest | null)
        .filter((each): each is Manifest => each?.kind !== undefined && each.kind !== UNKNOWN),
    ]),
  )
}

function write(folder: string, name: string, all: Manifest[]): string {
  const path = join(folder, `${name.replaceAll('/', '-')}.yaml`)
  writeFileSync(path, all.map(each => stringify(each)).join('---\n'))
  return path
}

t.setTimeout(960_000)
t.test('manifests are what Kubernetes and cert-manager take', { skip: without('go') }, async t => {
  mkdirSync('.cache', { recursive: true })
  const programs = { [READER]: '.', [KUBECONFORM]: 'github.com/yannh/kubeconform/cmd/kubeconform' }
  for (const [path, source] of Object.entries(programs)) {
    if (existsSync(path)) continue
    const built = await run('go', ['build', '-o', path, source], { cwd: MODULES, timeout: 900_000 })
    t.equal(built.status, 0, built.stderr)
  }
  const all = await manifests(t)
  t.strictSame(
    all['onboard']?.map(({ kind }) => kind),
    ['Secret', 'Secret', 'ClusterIssuer'],
  )
  const folder = scratch(t)
  const paths = Object.entries(all).map(([name, each]) => write(folder, name, each))

  await t.test('every field is known', async t => {
    const read = await run(READER, paths)
    t.equal(read.status, 0, read.stdout)
    const wrong = structuredClone(all['packaging/kubernetes/cert-manager-acme.yaml']!)
    const [{ dns01 }] = wrong[0]!['spec'].acme.solvers
    dns01.rfc2136.tsigAlgorithmus = 'HMACSHA256'
    t.match(await run(READER, [write(folder, 'wrong', wrong)]), {
      ...{ status: 1, stdout: /unknown field "spec\.acme\.\S+\.tsigAlgorithmus"/ },
    })
  })

  await t.test('kubeconform: each has the form that the schemas of its kind ask for', async t => {
    const kinds = new Set(Object.values(all).flatMap(each => each.map(({ kind }) => kind)))
    const schemas = join(folder, 'schemas')
    await writeSchemas(MODULES, schemas, kinds)
    const check = (...files: string[]) =>
      run(KUBECONFORM, ['-strict', '-summary', '-schema-location', schemaLocation(schemas), ...files])
    const count = Object.values(all).flat().length
    t.match(await check(...paths), { status: 0, stdout: `Valid: ${count}, Invalid: 0, Errors: 0, Skipped: 0` })

    const wrong = structuredClone(all['packaging/kubernetes/externaldns-rfc2136.yaml']!)
    delete wrong.find(({ kind }) => kind === 'Deployment')!['spec'].selector
    const issuer = structuredClone(all['packaging/kubernetes/cert-manager-acme.yaml']!)
    delete issuer[0]!['spec'].acme.privateKeySecretRef
    const files = [write(folder, 'wrong', wrong), write(folder, 'issuer', issuer)]
    t.match(await check(...files), { status: 1, stdout: /Invalid: 2, Errors: 0/ }, 'what they ask for is missed')
  })
})
