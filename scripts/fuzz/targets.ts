import type { FuzzTarget } from './target.ts'

/** What can be fuzzed, loaded when asked for. */
export const TARGETS: Readonly<Record<string, () => Promise<FuzzTarget>>> = {
  admission: async () => (await import('./admission.ts')).admission,
  challenge: async () => (await import('./challenge.ts')).challenge,
  'client-hello': async () => (await import('./client-hello.ts')).clientHello,
  cms: async () => (await import('./cms.ts')).cms,
  'bind-key': async () => (await import('./bind-key.ts')).bindKey,
  config: async () => (await import('./config.ts')).config,
  http2: async () => (await import('./http2.ts')).http2,
  message: async () => (await import('./message.ts')).message,
  jws: async () => (await import('./jws.ts')).jws,
  'named-conf': async () => (await import('./named-conf.ts')).namedConf,
  pkcs12: async () => (await import('./pkcs12.ts')).pkcs12,
  validation: async () => (await import('./validation.ts')).validation,
  zonefile: async () => (await import('./zonefile.ts')).zonefile,
}
