import type { CrossSigning, FormerRootConfig, IntermediateConfig, RootConfig } from '../../config/ca-schema.ts'
import type { Clock } from '../../host/clock.ts'
import type { Log } from '../../host/log.ts'
import type { Random } from '../../host/random.ts'
import type { CertificateStore } from '../store/certificate-store.ts'
import type { CaFiles } from './files.ts'
import type { Keyring } from './keystore.ts'
import type { Tokens } from './tokens.ts'

/** What the config says about one issuer. */
export interface HierarchySettings {
  /** The organization. */
  name: string
  /** Base of the URLs of certificates, CRLs and OCSP; left out, certificates name none. */
  httpUrl?: string | undefined
  root: RootConfig
  intermediate: IntermediateConfig
  /** The roots before it, of which some may have their key; left out: none but those that we made. */
  formerRoots?: readonly FormerRootConfig[] | undefined
  /** Which root signs which; left out: none. */
  crossSign?: CrossSigning | undefined
  /** The common name of the root to which chains lead first, as the config has it now; left out: the oldest. */
  preferredChain?: () => string | undefined
  /** What the keys of the CA are encrypted with; left out: they are not. */
  passphrase?: string | undefined
  /** The longest validity of any profile as they are now, in milliseconds. */
  longest(): number
}

/** What a hierarchy needs of the world. */
export interface HierarchyDeps {
  settings: HierarchySettings
  files: CaFiles
  store: CertificateStore
  clock: Clock
  random: Random
  log: Log
  /** The PKCS#11 tokens that the config names; left out: none. */
  tokens?: Tokens | undefined
}

/** What opens the keys of this hierarchy. */
export function keyringOf({ settings, tokens }: HierarchyDeps): Keyring {
  return { passphrase: settings.passphrase, tokens }
}

/** CA material that can't be used as it is; the message is a sentence that says what to do. */
export class HierarchyError extends Error {
  override name = 'HierarchyError'
  readonly code = 'hierarchy'
}
