import { createHash, createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { CertificationRequestInfo } from '@peculiar/asn1-csr'
import { AsnConvert, OctetString } from '@peculiar/asn1-schema'
import {
  Attribute,
  Extension,
  Extensions,
  GeneralName,
  id_ce_subjectAltName,
  Name,
  SubjectAlternativeName,
  SubjectPublicKeyInfo,
} from '@peculiar/asn1-x509'
import { calculateJwkThumbprint, exportJWK, type FlattenedJWS, FlattenedSign, type JWK } from 'jose'
import { makeKey, signerOf } from '../../ca/hierarchy/keystore.ts'
import { encode, signStructure } from '../../ca/x509/x509.ts'
import { ORIGIN, type World } from './world.ts'

/** An answer as a client sees it. */
export interface Reply {
  status: number
  headers: Record<string, string | string[] | undefined>
  text: string
  // biome-ignore lint/suspicious/noExplicitAny: JSON of many shapes, looked into by tests.
  json: any
}

/** What may be different in a request from what is right. */
export interface Signing {
  protected?: Record<string, unknown>
  /** Members of the protected header to leave out. */
  without?: string[]
  key?: KeyObject | Uint8Array
}

/** A small ACME client whose every step can be bent. */
export interface Client {
  keys: KeyPair
  kid: string | undefined
  thumbprint: string
  nonce(): Promise<string>
  sign(url: string, payload: object | '', signing?: Signing): Promise<FlattenedJWS>
  /** POST of a payload, or POST-as-GET for ''. */
  post(url: string, payload: object | '', signing?: Signing): Promise<Reply>
  send(url: string, body: string, type?: string): Promise<Reply>
  get(url: string): Promise<Reply>
  register(payload?: object): Promise<Reply>
  /** An external account binding under this key (RFC 8555 §7.3.4). */
  bind(kid: string, secret: string): Promise<FlattenedJWS>
  order(names: string[], more?: object): Promise<Reply>
  /** Publishes the TXT record and answers the dns-01 challenge of an authorization. */
  prove(authorization: string): Promise<Reply>
  /** All of it: order, prove, finalize, download. */
  certificate(names: string[], more?: object): Promise<{ order: Reply; chain: string; key: KeyObject }>
}

export interface KeyPair {
  alg: string
  privateKey: KeyObject
  jwk: JWK
}

export const DIRECTORY = `${ORIGIN}/acme/directory`
export const at = (path: string) => `${ORIGIN}/acme/acme/${path}`

/** A fresh account key for the algorithm. */
export async function createKeys(alg = 'ES256'): Promise<KeyPair> {
  const { privateKey, publicKey } = generate(alg)
  return { alg, privateKey, jwk: await exportJWK(publicKey) }
}

function generate(alg: string) {
  if (alg === 'RS256') return generateKeyPairSync('rsa', { modulusLength: 2048 })
  if (alg === 'EdDSA' || alg === 'Ed25519') return generateKeyPairSync('ed25519')
  return generateKeyPairSync('ec', { namedCurve: { ES256: 'P-256', ES384: 'P-384', ES512: 'P-521' }[alg]! })
}

/** A CA as its clients reach it. */
export interface AcmeServer {
  /** The origin of its URLs. */
  origin: string
  request(method: 'GET' | 'HEAD' | 'POST', url: string, body?: string, type?: string): Promise<Reply>
  /** Publishes a TXT record where the CA looks. */
  publish(name: string, text: string): void | Promise<void>
}

/** A client of a CA in this process. */
export function createClient(world: World, keys?: KeyPair): Promise<Client> {
  return createClientOf(
    {
      origin: ORIGIN,
      async request(method, url, body, type = 'application/jose+json') {
        const content = body !== undefined && { body, headers: { 'content-type': type } }
        const reply = await world.https.inject({ method, url: url.slice(ORIGIN.length), ...content })
        return replyOf(reply.statusCode, reply.headers as Reply['headers'], reply.body)
      },
      publish: (name, text) => world.zone.set(name, 'TXT', `"${text}"`),
    },
    keys,
  )
}

/** An answer whose body was read; JSON where it says that it is. */
export function replyOf(status: number, headers: Reply['headers'], text: string): Reply {
  return { status, headers, text, json: /json/.test(String(headers['content-type'])) ? JSON.parse(text) : undefined }
}

/** A client without an account. */
export async function createClientOf(server: AcmeServer, keys?: KeyPair): Promise<Client> {
  const own = keys ?? (await createKeys())
  const at = (path: string) => `${server.origin}/acme/acme/${path}`
  const client: Client = {
    keys: own,
    kid: undefined,
    thumbprint: await calculateJwkThumbprint(own.jwk),
    get: url => server.request('GET', url),
    send: (url, body, type) => server.request('POST', url, body, type),
    async nonce() {
      return String((await server.request('HEAD', at('new-nonce'))).headers['replay-nonce'])
    },
    async sign(url, payload, signing = {}) {
      const identity = client.kid === undefined ? { jwk: own.jwk } : { kid: client.kid }
      const header: Record<string, unknown> = {
        alg: own.alg,
        nonce: await client.nonce(),
        url,
        ...identity,
        ...signing.protected,
      }
      for (const member of signing.without ?? []) delete header[member]
      const bytes = payload === '' ? new Uint8Array() : Buffer.from(JSON.stringify(payload))
      return new FlattenedSign(bytes).setProtectedHeader(header as never).sign(signing.key ?? own.privateKey)
    },
    async post(url, payload, signing) {
      return client.send(url, JSON.stringify(await client.sign(url, payload, signing)))
    },
    async register(payload = {}) {
      client.kid = undefined
      const reply = await client.post(at('new-account'), { termsOfServiceAgreed: true, ...payload })
      if (reply.headers['location']) client.kid = String(reply.headers['location'])
      return reply
    },
    bind: (kid, secret) =>
      new FlattenedSign(Buffer.from(JSON.stringify(own.jwk)))
        .setProtectedHeader({ alg: 'HS256', kid, url: at('new-account') } as never)
        .sign(Buffer.from(secret, 'base64url')),
    order: (names, more = {}) =>
      client.post(at('new-order'), { identifiers: names.map(value => ({ type: 'dns', value })), ...more }),
    async prove(url) {
      const { json } = await client.post(url, '')
      const challenge = json.challenges.find((each: { type: string }) => each.type === 'dns-01')
      const digest = createHash('sha256').update(`${challenge.token}.${client.thumbprint}`).digest('base64url')
      await server.publish(`_acme-challenge.${json.identifier.value}`, digest)
      return client.post(challenge.url, {})
    },
    async certificate(names, more) {
      const created = await client.order(names, more)
      if (created.status !== 201) throw new Error(created.text)
      for (const authorization of created.json.authorizations) await client.prove(authorization)
      const { csr, key } = await createCsr(names)
      const order = await client.post(created.json.finalize, { csr })
      if (order.json.status !== 'valid') throw new Error(order.text)
      const chain = (await client.post(order.json.certificate, '')).text
      return { order, chain, key }
    },
  }
  return client
}

/** A client with an account. */
export async function createAccount(world: World, keys?: KeyPair): Promise<Client> {
  const client = await createClient(world, keys)
  await client.register()
  return client
}

/** keyChange (RFC 8555 §7.3.5) to the next key; what is given bends its inner JWS. */
export async function rollover(client: Client, next: KeyPair, bend: { payload?: object; header?: object } = {}) {
  const url = at('key-change')
  const payload = { account: client.kid, oldKey: client.keys.jwk, ...bend.payload }
  const inner = await new FlattenedSign(Buffer.from(JSON.stringify(payload)))
    .setProtectedHeader({ alg: next.alg, jwk: next.jwk, url, ...bend.header } as never)
    .sign(next.privateKey)
  return client.post(url, inner)
}

/** RFC 2985 §5.4.2. */
const EXTENSION_REQUEST = '1.2.840.113549.1.9.14'

/** A CSR for the names, base64url, with its private key: of `pem` where given. */
export async function createCsr(names: string[], pem?: string) {
  const made = pem === undefined ? await makeKey('ecdsa-p256') : { pem, signer: signerOf(pem, 'test') }
  const alternatives = new SubjectAlternativeName(names.map(dNSName => new GeneralName({ dNSName })))
  const extnValue = new OctetString(AsnConvert.serialize(alternatives))
  const wanted = AsnConvert.serialize(new Extensions([new Extension({ extnID: id_ce_subjectAltName, extnValue })]))
  const info = new CertificationRequestInfo({
    subject: new Name([]),
    subjectPKInfo: AsnConvert.parse(made.signer.publicKey, SubjectPublicKeyInfo),
  })
  info.attributes.push(new Attribute({ type: EXTENSION_REQUEST, values: [wanted] }))
  const der = await signStructure(encode(info), made.signer)
  return { csr: Buffer.from(der).toString('base64url'), key: createPrivateKey(made.pem) }
}

/** A certificate of a PEM chain as the payload of revokeCert. */
export function derOf(chain: string): string {
  const body = /-----BEGIN CERTIFICATE-----([\s\S]*?)-----END/.exec(chain)![1]!
  return Buffer.from(body, 'base64').toString('base64url')
}
