import { type BindFiles, migrateBind } from '../../cli/migrate/bind.ts'
import { NamedConfError, parseNamedConf } from '../../cli/migrate/named-conf.ts'
import { printConfig } from '../../config/edit.ts'
import type { FuzzTarget } from './target.ts'

/** No file is there but those that are empty. */
const FILES: BindFiles = { read: () => '', exists: () => false, directory: '/etc/bind' }

const WORDS = `zone view options acl key include "a.example" { } ; /* */ // # type primary secondary forward file masters primaries update-policy grant
  deny subdomain zonesub allow-update allow-transfer also-notify match-clients forwarders listen-on port 53 any none 10/8 ! secret algorithm hmac-sha256`

const decoder = new TextDecoder()

/** A named.conf: read or refused in our own words, and whatever was read makes a configuration that can be written. */
export const namedConf: FuzzTarget = {
  extension: 'conf',
  words: WORDS.split(/\s+/).map(word => new Uint8Array(Buffer.from(word))),
  check(input) {
    try {
      const statements = parseNamedConf(decoder.decode(input), 'named.conf', FILES.read)
      printConfig(migrateBind(statements, FILES).config, 'fuzz')
    } catch (error) {
      if (!(error instanceof NamedConfError)) throw error
    }
  },
}
