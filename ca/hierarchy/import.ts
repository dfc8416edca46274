import { derBlocks } from '../x509/x509.ts'
import { authorityCertificate, type CaCertificate } from './ca-certificate.ts'
import { type HierarchyDeps, HierarchyError } from './deps.ts'
import { differs, freeNumber } from './intermediate.ts'
import { pemOfKey, signerOf } from './keystore.ts'
import { keepRecord } from './material.ts'
import { faultOf } from './offline.ts'
import { openPkcs12 } from './pkcs12.ts'

const ORIGIN = 'the PKCS#12 file'

/** Keeps an intermediate of our root that was made elsewhere, with its key, checked as if it came from a stranger. Throws HierarchyError or KeyError. */
export async function importPkcs12(
  deps: HierarchyDeps,
  root: CaCertificate,
  known: readonly CaCertificate[],
  octets: Uint8Array,
  passphrase: string,
): Promise<CaCertificate> {
  const { certificate, key } = await openPkcs12(octets, passphrase, ORIGIN)
  const pem = pemOfKey(key, deps.settings.passphrase)
  const made = authorityCertificate(
    derBlocks('CERTIFICATE', certificate)[0]!,
    signerOf(pem, ORIGIN, deps.settings.passphrase),
  )
  const fault = faultOf(made, root, deps.clock.now()) ?? misfitOf(deps, root, known, made)
  if (fault) throw new HierarchyError(fault)
  const file = `intermediate-${await freeNumber(deps.files)}`
  // The key first: one without a certificate is in nobody's way.
  await deps.files.create(`${file}.key`, pem, 0o600)
  await deps.files.create(`${file}.crt`, made.pem, 0o644)
  await keepRecord(deps, made)
  return made
}

function misfitOf(
  { settings }: HierarchyDeps,
  root: CaCertificate,
  known: readonly CaCertificate[],
  made: CaCertificate,
): string | undefined {
  if (known.some(({ id }) => id === made.id)) return 'an intermediate with this key is there already'
  // Only where the root's key is at hand is another one made by itself.
  if (!root.signer.present || !differs(settings, made)) return undefined
  return `ca.intermediate asks for another kind of key, or other constraints, than this ${made.signer.kind} one has, and would replace it at once: make it say what is imported, and start again`
}
