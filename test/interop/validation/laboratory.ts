import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { run } from '../tools.ts'
import { type LabZone, RECORDS, ZONES } from './zones.ts'

/** A signed tree as files: origin → path, and the DS of its root. */
export interface Laboratory {
  files: Map<string, string>
  anchor: string
}

/** Signs the zones from the leaves to the root with BIND's tools. */
export async function buildLaboratory(folder: string): Promise<Laboratory> {
  const files = new Map<string, string>()
  const build = async (zone: LabZone): Promise<string> => {
    const cuts = await Promise.all(ZONES.filter(({ name }) => parentOf(name) === zone.name).map(build))
    const ds = await buildZone(folder, `${zone.name}.lab.`, `${RECORDS}${cuts.join('')}`, zone, files)
    return [`${zone.name}.lab. NS ns.lab.`, ...ds, ''].join('\n')
  }
  const cuts = await Promise.all(ZONES.filter(({ name }) => parentOf(name) === undefined).map(build))
  const lab = `$TTL 300\n@ SOA ns.lab. h.lab. 1 3600 600 86400 300\n@ NS ns\nns A 127.0.0.1\n${cuts.join('')}`
  const ds = await buildZone(folder, 'lab.', lab, { name: 'lab', sign: ['-3', '-', '-H', '0', '-A'] }, files)
  const root = `$TTL 300\n. SOA ns.lab. h.lab. 1 3600 600 86400 300\n. NS ns.lab.\nlab. NS ns.lab.\nns.lab. A 127.0.0.1\n${ds.join('\n')}\n`
  const [anchor] = await buildZone(folder, '.', root, { name: 'root', algorithm: 'RSASHA256' }, files)
  return { files, anchor: anchor! }
}

/** The zone, of those below "lab.", that this one is delegated from. */
function parentOf(name: string): string | undefined {
  const above = ZONES.filter(zone => name.endsWith(`.${zone.name}`)).sort((a, b) => b.name.length - a.name.length)
  return above[0]?.name
}

/** Writes and signs one zone, and notes its file in `files`. Gives the DS records for the parent. */
export async function buildZone(
  folder: string,
  origin: string,
  text: string,
  zone: LabZone,
  files: Map<string, string>,
): Promise<string[]> {
  const keys = join(folder, 'keys', zone.name)
  mkdirSync(keys, { recursive: true })
  mkdirSync(join(folder, 'zones'), { recursive: true })
  const plain = join(folder, 'zones', `${zone.name}.plain`)
  writeFileSync(plain, `$ORIGIN ${origin}\n${text}${zone.records ?? ''}`)
  files.set(origin, plain)
  if (zone.unsigned) return []
  const algorithms = [zone.algorithm ?? 'ECDSAP256SHA256', ...(zone.second ? [zone.second] : [])]
  const made = await Promise.all(algorithms.map(algorithm => keygen(keys, algorithm, origin)))
  // Before signing, which writes the key files anew.
  const ds = await Promise.all(made.map(key => must('dnssec-dsfromkey', ['-2', join(keys, key)])))
  const signed = join(folder, 'zones', `${zone.name}.signed`)
  const options = ['-q', '-P', '-S', '-z', '-K', keys, '-d', keys, '-o', origin, '-f', signed, '-O', 'full']
  if (zone.iterations === undefined) await must('dnssec-signzone', [...options, ...(zone.sign ?? []), plain])
  else
    await must('ldns-signzone', ['-n', '-t', zone.iterations, '-o', origin, '-f', signed, plain, join(keys, made[0]!)])
  const lines = readFileSync(signed, 'utf8')
    .split('\n')
    .filter(line => line !== '' && !line.startsWith(';'))
  writeFileSync(signed, `${(zone.mend?.(lines) ?? lines).join('\n')}\n`)
  files.set(origin, signed)
  const records = ds.map(line => line.trim())
  return zone.ds?.(records) ?? records
}

async function keygen(folder: string, algorithm: string, origin: string): Promise<string> {
  const bits = algorithm.startsWith('RSA') ? ['-b', '2048'] : []
  return (await must('dnssec-keygen', ['-q', '-K', folder, '-a', algorithm, ...bits, '-f', 'KSK', origin])).trim()
}

async function must(program: string, args: string[]): Promise<string> {
  const { status, stdout, stderr } = await run(program, args)
  if (status !== 0) throw new Error(`${program} ${args.join(' ')}: ${stderr}`)
  return stdout
}
