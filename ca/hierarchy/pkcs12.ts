import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import type { PFX, SafeBag } from 'pkijs'
import { pemOf } from '../x509/x509.ts'
import { KeyError } from './keystore.ts'

/** What a PKCS#12 file holds for a CA. */
export interface Pkcs12 {
  /** The certificate of the key, PEM. */
  certificate: string
  key: KeyObject
  /** The other certificates, PEM, as they stand. */
  others: string[]
}

/** Bag types (RFC 7292 §4.2). */
const BAG = {
  key: '1.2.840.113549.1.12.10.1.1',
  shrouded: '1.2.840.113549.1.12.10.1.2',
  cert: '1.2.840.113549.1.12.10.1.3',
}
const PBES2 = '1.2.840.113549.1.5.13'
const DATA = '1.2.840.113549.1.7.1'
const ENCRYPTED_DATA = '1.2.840.113549.1.7.6'

/** Digests of the MAC (RFC 7292 §4) that are recomputed. */
const MACS = new Set(['1.3.14.3.2.26', '2.16.840.1.101.3.4.2.1', '2.16.840.1.101.3.4.2.2', '2.16.840.1.101.3.4.2.3'])

/** Ciphers and MACs of other kinds, as their standards call them (RFC 7292 appendix C, RFC 9579). */
const NAMES: Readonly<Record<string, string>> = {
  '1.2.840.113549.1.12.1.1': 'pbeWithSHAAnd128BitRC4',
  '1.2.840.113549.1.12.1.2': 'pbeWithSHAAnd40BitRC4',
  '1.2.840.113549.1.12.1.3': 'pbeWithSHAAnd3-KeyTripleDES-CBC',
  '1.2.840.113549.1.12.1.4': 'pbeWithSHAAnd2-KeyTripleDES-CBC',
  '1.2.840.113549.1.12.1.5': 'pbeWithSHAAnd128BitRC2-CBC',
  '1.2.840.113549.1.12.1.6': 'pbewithSHAAnd40BitRC2-CBC',
  '1.2.840.113549.1.5.14': 'PBMAC1',
}

/** More rounds than any program asks for, so that a file keeps us busy for seconds at most. */
const MAX_ITERATIONS = 1_000_000

/**
 * Opens a PKCS#12 file (RFC 7292) that holds one private key and its certificate, encrypted by PBES2 and guarded by a MAC under the
 * passphrase. Throws KeyError, which names `origin` and what it can't do; older ciphers are refused by name.
 */
export async function openPkcs12(octets: Uint8Array, passphrase: string, origin: string): Promise<Pkcs12> {
  // The library takes a while to load, and nothing else of the CA needs it.
  const pkijs = await import('pkijs')
  const password = new Uint8Array(Buffer.from(passphrase)).buffer
  let file: PFX
  try {
    file = pkijs.PFX.fromBER(new Uint8Array(octets))
  } catch {
    throw new KeyError(`${origin} is no PKCS#12 file`)
  }
  refuseUnknown(file, origin)
  const bags = await opened(async () => {
    await file.parseInternalValues({ password, checkIntegrity: true })
    // Looked at in another copy, because reading the parts uses them up.
    await refuseCiphers(pkijs, octets, origin)
    const safe = file.parsedValue!.authenticatedSafe!
    await safe.parseInternalValues({ safeContents: safe.safeContents.map(() => ({ password })) })
    const contents = safe.parsedValue.safeContents as { value: { safeBags: SafeBag[] } }[]
    return contents.flatMap(({ value }) => value.safeBags)
  }, origin)
  return contentsOf(bags, passphrase, origin)
}

/** The library's reasons are not passed on: they say little, and may quote what they read. */
async function opened<T>(open: () => Promise<T>, origin: string): Promise<T> {
  try {
    return await open()
  } catch (error) {
    if (error instanceof KeyError) throw error
    throw new KeyError(`${origin} can't be opened: the passphrase is wrong, or the file is damaged`)
  }
}

function refuseUnknown({ authSafe, macData }: PFX, origin: string): void {
  if (authSafe.contentType !== DATA)
    throw new KeyError(`${origin} is guarded by a signature instead of a passphrase, which is not supported`)
  if (!macData) throw new KeyError(`${origin} has no MAC, so that nobody can tell whether it is what was written`)
  const { algorithmId } = macData.mac.digestAlgorithm
  if (!MACS.has(algorithmId))
    throw new KeyError(`${origin} is guarded by ${nameOf(algorithmId)}, which is not supported: ${WRITE_ANEW}`)
  if ((macData.iterations ?? 1) > MAX_ITERATIONS) throw new KeyError(`${origin} asks for too many iterations`)
}

const WRITE_ANEW =
  'write it anew, where nobody else reads along: "openssl pkcs12 -legacy -nodes -in OLD -out PEM", then "openssl pkcs12 -export -in PEM -out NEW"'

async function refuseCiphers({ PFX, EncryptedData }: typeof import('pkijs'), octets: Uint8Array, origin: string) {
  const file = PFX.fromBER(new Uint8Array(octets))
  await file.parseInternalValues({ password: new ArrayBuffer(), checkIntegrity: false })
  for (const { contentType, content } of file.parsedValue!.authenticatedSafe!.safeContents) {
    if (contentType === DATA) continue
    if (contentType !== ENCRYPTED_DATA)
      throw new KeyError(`${origin} is encrypted to a certificate, which is not supported`)
    const data = new EncryptedData({ schema: content as never })
    refuseOld(data.encryptedContentInfo.contentEncryptionAlgorithm.algorithmId, origin)
  }
}

function refuseOld(algorithm: string, origin: string): void {
  if (algorithm !== PBES2)
    throw new KeyError(`${origin} is encrypted by ${nameOf(algorithm)}, which is no longer safe: ${WRITE_ANEW}`)
}

function nameOf(algorithm: string): string {
  return NAMES[algorithm] ?? algorithm
}

function contentsOf(bags: readonly SafeBag[], passphrase: string, origin: string): Pkcs12 {
  const keys = bags.filter(({ bagId }) => bagId === BAG.key || bagId === BAG.shrouded)
  if (keys.length !== 1) throw new KeyError(`${origin} holds ${keys.length || 'no'} private keys; it must hold one`)
  const key = privateKeyOf(keys[0]!, passphrase, origin)
  const certificates = bags
    .filter(({ bagId }) => bagId === BAG.cert)
    .map(({ bagValue }) => pemOf('CERTIFICATE', certificateOf(bagValue)))
  const own = certificates.find(pem => new X509Certificate(pem).checkPrivateKey(key))
  if (own === undefined) throw new KeyError(`${origin} holds no certificate of its private key`)
  return {
    certificate: own,
    key,
    others: certificates.filter(pem => pem !== own),
  }
}

function privateKeyOf({ bagId, bagValue }: SafeBag, passphrase: string, origin: string) {
  const value = bagValue as { encryptionAlgorithm?: { algorithmId: string }; toSchema(): { toBER(): ArrayBuffer } }
  if (bagId === BAG.shrouded) refuseOld(value.encryptionAlgorithm!.algorithmId, origin)
  const encrypted = bagId === BAG.shrouded && { passphrase }
  try {
    return createPrivateKey({ key: Buffer.from(value.toSchema().toBER()), format: 'der', type: 'pkcs8', ...encrypted })
  } catch {
    throw new KeyError(`the private key in ${origin} can't be read`)
  }
}

/** RFC 7292 §4.2.3: an X.509 certificate in DER. */
function certificateOf(bagValue: unknown): Uint8Array {
  const { parsedValue } = bagValue as { parsedValue: { toSchema(): { toBER(): ArrayBuffer } } }
  return new Uint8Array(parsedValue.toSchema().toBER())
}
