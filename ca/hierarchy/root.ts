import { authorityCertificate, type CaCertificate, rootTemplate } from '../ca-certificate.ts'
import { readCertificate } from '../certificate-facts.ts'
import { absentSigner, createKey, loadKey, type Signer, signerOf } from '../keystore.ts'
import { keyIdentifier } from '../public-key.ts'
import { derBlocks, encodeTbsCertificate, signStructure } from '../x509.ts'
import { type HierarchyDeps, HierarchyError, type HierarchySettings } from './deps.ts'
import { newSerial, openCertificate, warnWhereExposed } from './material.ts'

/** The root that is there, or a new one; nothing that is there is ever made again. */
export async function openRoot(deps: HierarchyDeps): Promise<CaCertificate> {
  const { certificate, key } = deps.settings.root
  if (certificate !== undefined && key) return importedRoot(certificate, key, deps)
  const pem = await deps.files.read('root.crt')
  const signer = await loadKey(deps.files, 'root.key', deps.settings.passphrase)
  if (pem === undefined) return makeRoot(deps, signer)
  if (!signer)
    throw new HierarchyError('root.crt is there, but its root.key is missing; restore root.key from a backup')
  await warnWhereExposed(deps, 'root.key')
  return openCertificate(pem, signer, 'root', deps)
}

function importedRoot(
  pem: string,
  key: NonNullable<HierarchySettings['root']['key']>,
  deps: HierarchyDeps,
): CaCertificate {
  if ('pem' in key)
    return openCertificate(pem, signerOf(key.pem, 'ca.root.key', deps.settings.passphrase), 'ca.root', deps)
  if ('pkcs11' in key)
    throw new HierarchyError(
      'ca.root.key must be a key file or "offline": a PKCS#11 token can not sign the intermediate',
    )
  const [der] = derBlocks('CERTIFICATE', pem)
  if (!der) throw new HierarchyError('ca.root.certificate holds no certificate in PEM')
  const { publicKey } = readCertificate(der)
  return openCertificate(pem, absentSigner(publicKey, 'the key of the root is offline'), 'ca.root', deps)
}

/** The key is on disk before the certificate: a crash between the two leaves a key that the next start goes on with. */
async function makeRoot(deps: HierarchyDeps, left: Signer | undefined): Promise<CaCertificate> {
  const { settings, files, clock, log } = deps
  const names = await files.list()
  if (names.some(name => /^intermediate-\d+\.crt$/.test(name)))
    throw new HierarchyError(
      'there are intermediates, but their root.crt is missing; restore root.crt and root.key from a backup',
    )
  const signer = left ?? (await createKey(files, 'root.key', settings.root.generate, settings.passphrase))
  const serial = await newSerial(deps, keyIdentifier(signer.publicKey))
  const template = rootTemplate(settings, signer, serial, clock.now())
  const made = authorityCertificate(
    await signStructure(encodeTbsCertificate(template, signer.algorithm), signer),
    signer,
  )
  await files.create('root.crt', made.pem, 0o644)
  log.info({ issuer: made.commonName, fingerprint: made.fingerprint }, 'root made')
  return made
}
