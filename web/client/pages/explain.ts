import { h } from 'preact'
import type { Explanation } from '../../../cli/replies.ts'
import { get } from '../api.ts'
import { fieldsOf } from '../dialogs.ts'
import { time } from '../format.ts'
import { useLoad } from '../load.ts'
import type { PageProps } from '../page-props.ts'
import { Facts, Field, Lines, Panel, Tag, Title, Waiting } from '../parts.ts'
import { go } from '../router.ts'
import type { View } from '../view.ts'
import { Certificates } from './certificates.ts'
import { Orders } from './orders.ts'
import { Path } from './path.ts'

/** What a client gets for a name, from where, and why. */
export function ExplainPage({ place }: PageProps): View {
  const { query } = place
  const name = query.get('name') ?? ''
  return h(
    'div',
    { class: 'page' },
    h(Title, null, 'Explain'),
    h(Question, { query, key: query.toString() }),
    name !== '' && h(Story, { query: Object.fromEntries(query), key: `of ${query}` }),
  )
}

function Question({ query }: { query: URLSearchParams }): View {
  const ask = (event: Event) => {
    event.preventDefault()
    go(['explain'], fieldsOf(event))
  }
  const input = (name: string, placeholder: string, more: object = {}) =>
    h('input', {
      name,
      placeholder,
      defaultValue: query.get(name) ?? '',
      autocomplete: 'off',
      spellcheck: false,
      ...more,
    })
  return h(
    'form',
    { class: 'tools', onSubmit: ask },
    h(Field, {
      label: 'Name',
      class: 'grow',
      children: input('name', 'www.example.com', { required: true, type: 'search', class: 'mono' }),
    }),
    h(Field, { label: 'Type', class: 'short', children: input('type', 'A') }),
    h(Field, { label: 'Client', children: input('from', '127.0.0.1') }),
    h(Field, { label: 'Key', children: input('key', 'none') }),
    h('button', { type: 'submit' }, 'Explain'),
  )
}

function Story({ query }: { query: Record<string, string> }): View {
  const told = useLoad(() => get<Explanation>('/explain', query), [JSON.stringify(query)])
  return h(Waiting<Explanation>, {
    of: told,
    children: explanation => [
      h(
        'p',
        { class: `verdict ${explanation.verdict.finding === 'fine' ? 'good' : 'bad'}`, role: 'status' },
        explanation.verdict.text,
      ),
      h(Path, {
        explanation,
        from: query['from'] ?? '127.0.0.1',
        ...(query['key'] !== undefined && { signedWith: query['key'] }),
      }),
      explanation.certificates && h(CertificateSide, { ...explanation.certificates }),
    ],
  })
}

function CertificateSide(known: NonNullable<Explanation['certificates']>): View {
  const { certificates, orders, refusals, rules, caa, challenge, endpoints } = known
  const facts: [string, string[]][] = [
    ['May be issued by', rules.length > 0 ? rules : ['no rule covers it: nobody gets one']],
    ['CAA', [caa]],
    [`TXT at ${challenge.name}`, challenge.records.length > 0 ? challenge.records : [challenge.rcode]],
    ...endpoints.map((one): [string, string[]] => [
      `${one.address}:${one.port} serves`,
      [one.problem ?? `serial ${one.serial}, until ${one.not_after && time(one.not_after)}`],
    ]),
    ...refusals.map((one): [string, string[]] => [`Refused ${time(one.at)}`, [one.because]]),
  ]
  return h(
    Panel,
    {
      title: 'Its certificates',
      wide: true,
      aside: endpoints.some(({ problem }) => problem) && h(Tag, { tone: 'warn' }, 'not served'),
    },
    h(Certificates, { certificates }),
    orders.length > 0 && h(Orders, { orders }),
    h(Facts, { rows: facts.map(([name, lines]) => [name, h(Lines, { of: lines })] as const) }),
  )
}
