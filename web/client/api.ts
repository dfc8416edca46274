/** What the API refused (RFC 9457), in the words that it has for operators. */
export class Problem extends Error {
  override name = 'Problem'
  readonly status: number
  /** What in the body is wrong, as a JSON pointer (RFC 6901). */
  readonly pointer: string | undefined
  constructor(status: number, detail: string, pointer?: string) {
    super(detail)
    this.status = status
    this.pointer = pointer
  }
}

/** Called when the session is over. */
let signedOut: () => void = () => {}

/** Whom to tell when a request was refused because nobody is signed in. */
export function onSignedOut(listener: () => void): void {
  signedOut = listener
}

/** Asks the API at /api/v1. Throws Problem. */
export async function call<Reply>(method: string, path: string, body?: object, token?: string): Promise<Reply> {
  const response = await fetch(`/api/v1${path}`, {
    method,
    cache: 'no-store',
    headers: {
      ...(body && { 'content-type': 'application/json' }),
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
    },
    ...(body && { body: JSON.stringify(body) }),
  }).catch(() => {
    throw new Problem(0, 'The server does not answer.')
  })
  if (response.ok) return (await response.json()) as Reply
  const { detail, pointer } = (await response.json().catch(() => ({}))) as { detail?: string; pointer?: string }
  if (response.status === 401 && token === undefined) signedOut()
  throw new Problem(response.status, detail ?? `The server answers ${response.status}.`, pointer)
}

/** Asks for something. */
export function get<Reply>(
  path: string,
  query: Record<string, string | number | boolean | undefined> = {},
): Promise<Reply> {
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== '' && value !== false)
  const text = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString()
  return call('GET', text ? `${path}?${text}` : path)
}

/** A part of a path. */
export function part(text: string): string {
  return encodeURIComponent(text)
}
