/** Where each resource of one ACME directory is (RFC 8555 §7.1). */
export interface AcmeUrls {
  /** Path below the CA's URL, without a slash at its end: "/acme/corp". */
  readonly path: string
  readonly directory: string
  readonly newNonce: string
  readonly newAccount: string
  readonly newOrder: string
  readonly newAuthz: string
  readonly revokeCert: string
  readonly keyChange: string
  readonly renewalInfo: string
  /** What the hashed URIs of accounts begin with (draft-ietf-acme-dns-persist-02 §4.1); nothing is there. */
  readonly accountHashPrefix: string
  account(id: string): string
  /** The id in an account URL; undefined where it is not one of ours. */
  accountId(url: string): string | undefined
  orders(account: string, after?: string): string
  order(id: string): string
  finalize(order: string): string
  authorization(id: string): string
  challenge(id: string): string
  /** With a number, an alternate chain (RFC 8555 §7.4.2). */
  certificate(serial: string, chain?: number): string
}

/** The URLs of the issuer's directory below `base`, the CA's `url`. Challenge URLs hold both ids, so that they never change (RFC 8555 §7.5.1). */
export function createUrls(base: string, issuer: string, plain: boolean): AcmeUrls {
  const origin = base.replace(/\/+$/, '')
  const path = `/acme/${issuer}`
  const root = origin + path
  return {
    path,
    directory: plain ? `${origin}/acme/directory` : `${root}/directory`,
    newNonce: `${root}/new-nonce`,
    newAccount: `${root}/new-account`,
    newOrder: `${root}/new-order`,
    newAuthz: `${root}/new-authz`,
    revokeCert: `${root}/revoke-cert`,
    keyChange: `${root}/key-change`,
    renewalInfo: `${root}/renewal-info`,
    accountHashPrefix: `${root}/account-hash/`,
    account: id => `${root}/account/${id}`,
    accountId: url => (url.startsWith(`${root}/account/`) ? url.slice(root.length + '/account/'.length) : undefined),
    orders: (account, after) => `${root}/account/${account}/orders${after === undefined ? '' : `?after=${after}`}`,
    order: id => `${root}/order/${id}`,
    finalize: order => `${root}/order/${order}/finalize`,
    authorization: id => `${root}/authorization/${id}`,
    challenge: id => `${root}/challenge/${id}`,
    certificate: (serial, chain = 0) => `${root}/certificate/${serial}${chain === 0 ? '' : `/${chain}`}`,
  }
}
