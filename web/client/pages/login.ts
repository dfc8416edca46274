import { h } from 'preact'
import { useState } from 'preact/hooks'
import type { Session } from '../../../cli/replies.ts'
import { call, type Problem } from '../api.ts'
import { asProblem } from '../load.ts'
import { Failure, Field } from '../parts.ts'
import type { View } from '../view.ts'

/** What the server calls the other way to sign in, where it offers one (OpenID Connect). */
const OTHER_WAY = document.querySelector<HTMLMetaElement>('meta[name="login"]')?.content

/** Exchanges a token for a session; the page forgets the token at once. */
export function LoginPage({ onSession }: { onSession: (session: Session) => void }): View {
  const [problem, setProblem] = useState<Problem>()
  const [busy, setBusy] = useState(false)
  const enter = async (event: SubmitEvent) => {
    event.preventDefault()
    const form = event.currentTarget as HTMLFormElement
    const token = String(new FormData(form).get('token') ?? '').trim()
    setBusy(true)
    try {
      onSession(await call<Session>('POST', '/session', undefined, token))
    } catch (error) {
      setProblem(asProblem(error))
      form.reset()
    } finally {
      setBusy(false)
    }
  }
  return h(
    'main',
    { class: 'login' },
    h('h1', null, 'namestead'),
    h(
      'form',
      { onSubmit: enter },
      h(
        Field,
        { label: 'API token' },
        h('input', {
          name: 'token',
          type: 'password',
          required: true,
          autofocus: true,
          autocomplete: 'off',
          spellcheck: false,
        }),
      ),
      h(Failure, { problem }),
      h('button', { type: 'submit', disabled: busy }, busy ? 'One moment …' : 'Sign in'),
    ),
    OTHER_WAY !== undefined &&
      h('p', null, h('a', { class: 'button', href: '/oidc/login' }, `Sign in with ${OTHER_WAY}`)),
    h('p', { class: 'muted' }, 'A token is made on the server:'),
    h('pre', null, 'namestead token create --name me --zones "**" --role admin'),
  )
}
