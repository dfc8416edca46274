/** A login that comes to nothing: the HTTP status, what is wrong, and what to do about it, for whoever wanted to log in. */
export class LoginRefusal extends Error {
  override name = 'LoginRefusal'
  readonly code = 'login'
  readonly status: number
  readonly advice: string
  constructor(status: number, message: string, advice: string) {
    super(message)
    this.status = status
    this.advice = advice
  }
}

/** What helps where a login is not one that we know. */
export const AGAIN = 'Go back and sign in again.'
/** What helps where a person can do nothing. */
export const ASK = 'Ask whoever runs this server; its log has the details.'
