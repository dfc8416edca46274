import fc from 'fast-check'
import t from 'tap'
import { parsePkcs11Uri, printPkcs11Uri } from '../../config/pkcs11.ts'
import { load, sourcesOf } from './sources.ts'

t.test('RFC 7512 §2.3: a URI is taken apart, and its values are decoded', t => {
  const { query, ...object } = parsePkcs11Uri(
    'pkcs11:token=The%20CA;manufacturer=Snake%20Oil;model=1.0;serial=42;slot-id=3;object=root;id=%00%ffA;type=private?module-path=/lib/x.so&pin-source=file:/etc/pin',
  )
  t.strictSame(object, {
    ...{ token: 'The CA', manufacturer: 'Snake Oil', model: '1.0', serial: '42', object: 'root' },
    ...{ slot: 3, id: '00ff41' },
  })
  t.strictSame(Object.fromEntries(query), { 'module-path': '/lib/x.so', 'pin-source': 'file:/etc/pin' })
  t.end()
})

t.test('what is wrong with a URI is said, and no PIN repeated', t => {
  const cases: [uri: string, message: RegExp][] = [
    ['http://x', /expected a PKCS#11 URI/],
    ['pkcs11:token=a;token=b', /"token" once/],
    ['pkcs11:token', /"token" once, with a value/],
    ['pkcs11:color=blue', /"color" is no attribute that is used here/],
    ['pkcs11:token=%zz', /a % that encodes nothing/],
    ['pkcs11:type=cert', /must be a private key/],
    ['pkcs11:slot-id=x', /slot-id must be a number/],
    ['pkcs11:token=a?pin-value=1234', /^a PIN is not written into a URI: give pin-source, or "pin" beside it$/],
  ]
  for (const [uri, message] of cases) t.throws(() => parsePkcs11Uri(uri), { message }, uri)
  t.end()
})

t.test('what is printed names the same object', t => {
  const object = fc.record({
    token: fc.string({ minLength: 1, unit: 'grapheme' }),
    object: fc.string({ minLength: 1, unit: 'grapheme' }),
    id: fc.uint8Array({ minLength: 1, maxLength: 8 }).map(octets => Buffer.from(octets).toString('hex')),
  })
  fc.assert(
    fc.property(object, one => {
      const { query: _, ...read } = parsePkcs11Uri(printPkcs11Uri(one))
      t.same(read, one)
    }),
    { numRuns: 50 },
  )
  t.end()
})

t.test('a key in a token is given by its URI and, in a file or beside it, the PIN', t => {
  const sources = sourcesOf({ '/etc/namestead/pin': '1234\n' }, { HSM_PIN: '5678' })
  const read = (root: string, more = '') => {
    const text = `listen: { https: ["127.0.0.1:443"] }\nviews: [{ name: v }]\nca: { name: A, url: "https://ca.example.com", issue: [{ names: ["**"] }], root: { ${root} }${more} }`
    const { config, errors } = load(text, sources)
    return {
      key: config?.ca?.root.key,
      intermediate: config?.ca?.intermediate.key,
      errors: errors.map(({ message }) => message),
    }
  }
  const uri = 'pkcs11:token=ca;object=root?module-path=/lib/x.so'
  const key = { token: 'ca', object: 'root', module: '/lib/x.so' }
  t.strictSame(read(`key: { pkcs11: "${uri}&pin-source=file:pin" }`).key, { pkcs11: { ...key, pin: '1234' } })
  t.strictSame(read(`key: { pkcs11: "${uri}", pin: { env: HSM_PIN } }`).key, { pkcs11: { ...key, pin: '5678' } })
  const own = `, intermediate: { key: { pkcs11: "${uri}" } }`
  t.strictSame(read('validity: 3650d', own).intermediate, key)
  t.match(read(`key: { pkcs11: "${uri}" }`, own).errors, [/another key of the CA is labelled "root" in this token/])
  const issuers = `, issuers: { a: {}, b: { intermediate: { key: { pkcs11: "${uri}" } } } }`
  t.match(read(`key: { pkcs11: "${uri}" }`, issuers).errors, [/another key of the CA is labelled "root"/])
  const cases: [root: string, message: RegExp][] = [
    ['key: { pkcs11: "pkcs11:token=ca;object=root" }', /lacks module-path/],
    ['key: { pkcs11: "pkcs11:object=root?module-path=/x" }', /lacks the token/],
    ['key: { pkcs11: "pkcs11:token=ca?module-path=/x" }', /lacks object/],
    [`key: { pkcs11: "${uri}&pin-source=file:none" }`, /\/etc\/namestead\/none can't be read/],
    [`key: { pkcs11: "${uri}&pin-source=|cat" }`, /commands are not run/],
    [`key: { pkcs11: "${uri}&pin-source=pin", pin: "1" }`, /either pin-source or pin/],
    [`key: { pkcs11: "${uri}&pin-value=1234" }`, /a PIN is not written into a URI/],
    ['key: offline', /can only be in a PKCS#11 token/],
  ]
  for (const [root, message] of cases) {
    const { errors } = read(root)
    t.match(errors, [message], root)
    t.notMatch(errors.join(), '1234')
  }
  t.end()
})
