/** Why nobody is enrolled; the message is a sentence that may be shown to the client. */
export class EnrolmentError extends Error {
  override name = 'EnrolmentError'
  /**
   * `secret`: it is none of ours, or holds no more. `refused`: what is asked for may not be had. `waiting`: a person must approve it first. `busy`:
   * too many wrong secrets came from there. `unfit`: the request itself can't be granted to anybody. `unready`: we can't issue now.
   */
  readonly code: 'secret' | 'refused' | 'waiting' | 'busy' | 'unfit' | 'unready'
  constructor(code: EnrolmentError['code'], message: string) {
    super(message)
    this.code = code
  }
}
