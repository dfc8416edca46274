import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import { SECRETS } from '../daemon.ts'
import { type Files, folderWith, launch, type Peer, type Place } from './peer.ts'

/** What a BIND of a test does; all that every one needs is there already, and the key `xfr`. */
export interface BindOptions extends Place {
  port: number
  /** Zones and other statements of named.conf. */
  statements: string
  /** More inside of `options`. */
  options?: string
  files?: Files
}

/** named, authoritative on a loopback port. */
export function startBind(t: Test, bind: BindOptions): Peer {
  const { port, address = '127.0.0.1', statements, options = '', files = {} } = bind
  const folder = folderWith(t, files)
  const path = join(folder, 'named.conf')
  const config = `options {
  directory "${folder}"; managed-keys-directory "${folder}"; pid-file none; session-keyfile none;
  listen-on port ${port} { ${address}; }; listen-on-v6 { none; }; recursion no; dnssec-validation no; empty-zones-enable no;
  notify-delay 0; ${options}
};
controls { };
key xfr { algorithm hmac-sha256; secret "${SECRETS.xfr}"; };
${statements}
`
  writeFileSync(path, config)
  return launch(t, folder, port, ['named', '-g', '-n', '1', '-c', path], bind.within)
}

/** In `options`: nothing about a zone's contents is too odd for it. */
export const BIND_CHECKS_NOTHING =
  'check-integrity no; check-names primary ignore; check-mx ignore; check-mx-cname ignore; check-srv-cname ignore; check-wildcard no;'
