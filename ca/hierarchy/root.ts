import { readFile } from 'node:fs/promises'
import type { KeySource } from '../../config/ca-schema.ts'
import { printPkcs11Uri } from '../../config/pkcs11.ts'
import { reasonOf } from '../../config/secret.ts'
import { keyIdentifier } from '../x509/public-key.ts'
import { encodeTbsCertificate, signStructure } from '../x509/x509.ts'
import { authorityCertificate, type CaCertificate, rootTemplate } from './ca-certificate.ts'
import { type HierarchyDeps, HierarchyError, keyringOf } from './deps.ts'
import { absentSigner, createKey, loadKey, pemOfKey, type Signer, signerOf } from './keystore.ts'
import { newSerial, openCertificate, publicKeyIn } from './material.ts'
import { openPkcs12 } from './pkcs12.ts'

/** The root that the config gives; undefined where it is ours to make. */
export async function configuredRoot(deps: HierarchyDeps): Promise<CaCertificate | undefined> {
  const { certificate, key, pkcs12 } = deps.settings.root
  if (pkcs12) return rootOfPkcs12(pkcs12, deps)
  return certificate !== undefined && key ? importedRoot(certificate, key, deps) : undefined
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

async function importedRoot(pem: string, key: KeySource, deps: HierarchyDeps): Promise<CaCertificate> {
  const publicKey = publicKeyIn(pem)
  if (!publicKey) throw new HierarchyError('ca.root.certificate holds no certificate in PEM that can be read')
  return openCertificate(pem, await importedKey(key, publicKey, 'ca.root', deps), 'ca.root', deps)
}

/** The key that the config names for a certificate with this public key; `origin` is where it does. Throws KeyError or HierarchyError. */
export async function importedKey(
  key: KeySource,
  publicKey: Uint8Array,
  origin: string,
  deps: HierarchyDeps,
): Promise<Signer> {
  if ('pem' in key) return signerOf(key.pem, `the key of ${origin}`, deps.settings.passphrase)
  if ('offline' in key) return absentSigner(publicKey, 'the key of the root is offline')
  if (!deps.tokens) throw new HierarchyError(`the key of ${origin} is in a token, but there is none`)
  return deps.tokens.resolve(printPkcs11Uri(key.pkcs11), origin, publicKey)
}

/** Makes our root of that number. The key is on disk before the certificate: a crash between the two leaves a key that the next try goes on with. */
export async function makeRoot(deps: HierarchyDeps, number: number): Promise<CaCertificate> {
  const { settings, files, clock, log } = deps
  const name = number === 1 ? 'root' : `root-${number}`
  const names = await files.list()
  if (number === 1 && names.some(name => /^intermediate-\d+\.crt$/.test(name)))
    throw new HierarchyError(
      'there are intermediates, but their root.crt is missing; restore root.crt and root.key from a backup',
    )
  const { generate, key } = settings.root
  const place = key && 'pkcs11' in key ? key.pkcs11 : undefined
  const numbered = place && number > 1 ? { ...place, object: `${place.object}-${number}` } : place
  const signer =
    (await loadKey(files, `${name}.key`, keyringOf(deps))) ??
    (await createKey(files, `${name}.key`, generate, keyringOf(deps), numbered))
  const serial = await newSerial(deps, keyIdentifier(signer.publicKey))
  const template = rootTemplate(settings, signer, serial, clock.now(), number)
  const made = authorityCertificate(
    await signStructure(encodeTbsCertificate(template, signer.algorithm), signer),
    signer,
  )
  await files.create(`${name}.crt`, made.pem, 0o644)
  log.info({ issuer: made.commonName, fingerprint: made.fingerprint }, 'root made')
  return made
}
