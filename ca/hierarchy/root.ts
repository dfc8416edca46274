import { readFile } from 'node:fs/promises'
import { printPkcs11Uri } from '../../config/pkcs11.ts'
import { reasonOf } from '../../config/secret.ts'
import { authorityCertificate, type CaCertificate, rootTemplate } from '../ca-certificate.ts'
import { absentSigner, createKey, loadKey, pemOfKey, type Signer, signerOf } from '../keystore.ts'
import { openPkcs12 } from '../pkcs12.ts'
import { keyIdentifier } from '../public-key.ts'
import { encodeTbsCertificate, signStructure } from '../x509.ts'
import { type HierarchyDeps, HierarchyError, type HierarchySettings, keyringOf } from './deps.ts'
import { newSerial, openCertificate, publicKeyIn, warnWhereExposed } from './material.ts'

/** The root that is there, or a new one; nothing that is there is ever made again. */
export async function openRoot(deps: HierarchyDeps): Promise<CaCertificate> {
  const { certificate, key, pkcs12 } = deps.settings.root
  if (pkcs12) return rootOfPkcs12(pkcs12, deps)
  if (certificate !== undefined && key) return importedRoot(certificate, key, deps)
  const pem = await deps.files.read('root.crt')
  const signer = await loadKey(
    deps.files,
    'root.key',
    keyringOf(deps),
    pem === undefined ? undefined : publicKeyIn(pem),
  )
  if (pem === undefined) return makeRoot(deps, signer)
  if (!signer)
    throw new HierarchyError('root.crt is there, but its root.key is missing; restore root.key from a backup')
  await warnWhereExposed(deps, 'root.key')
  return openCertificate(pem, signer, 'root', deps)
}

async function rootOfPkcs12(
  { file, passphrase }: { file: string; passphrase: string },
  deps: HierarchyDeps,
): Promise<CaCertificate> {
  const octets = await readFile(file).catch(error => {
    throw new HierarchyError(`ca.root.pkcs12: ${file} can't be read: ${reasonOf(error)}`)
  })
  const { certificate, key } = await openPkcs12(octets, passphrase, file)
  return openCertificate(certificate, signerOf(pemOfKey(key), file), 'ca.root', deps)
}

async function importedRoot(
  pem: string,
  key: NonNullable<HierarchySettings['root']['key']>,
  deps: HierarchyDeps,
): Promise<CaCertificate> {
  const publicKey = publicKeyIn(pem)
  if (!publicKey) throw new HierarchyError('ca.root.certificate holds no certificate in PEM that can be read')
  return openCertificate(pem, await importedKey(key, publicKey, deps), 'ca.root', deps)
}

async function importedKey(
  key: NonNullable<HierarchySettings['root']['key']>,
  publicKey: Uint8Array,
  deps: HierarchyDeps,
): Promise<Signer> {
  if ('pem' in key) return signerOf(key.pem, 'ca.root.key', deps.settings.passphrase)
  if ('offline' in key) return absentSigner(publicKey, 'the key of the root is offline')
  if (!deps.tokens) throw new HierarchyError('ca.root.key is in a token, but there is none')
  return deps.tokens.resolve(printPkcs11Uri(key.pkcs11), 'ca.root', publicKey)
}

/** The key is on disk before the certificate: a crash between the two leaves a key that the next start goes on with. */
async function makeRoot(deps: HierarchyDeps, left: Signer | undefined): Promise<CaCertificate> {
  const { settings, files, clock, log } = deps
  const names = await files.list()
  if (names.some(name => /^intermediate-\d+\.crt$/.test(name)))
    throw new HierarchyError(
      'there are intermediates, but their root.crt is missing; restore root.crt and root.key from a backup',
    )
  const { generate, key } = settings.root
  const place = key && 'pkcs11' in key ? key.pkcs11 : undefined
  const signer = left ?? (await createKey(files, 'root.key', generate, keyringOf(deps), place))
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
