/** A call that is refused, as Vault says it: a status and sentences. Shown to the client, so without secrets. */
export class VaultError extends Error {
  override name = 'VaultError'
  readonly status: 400 | 403 | 404 | 500 | 503
  constructor(status: VaultError['status'], message: string) {
    super(message)
    this.status = status
  }
}

/** The answer to whoever may not: it does not tell whether the token or its rights were wrong. */
export function denied(): VaultError {
  return new VaultError(403, 'permission denied')
}
