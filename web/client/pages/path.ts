import { type ComponentChildren, h } from 'preact'
import type { Explanation } from '../../../cli/replies.ts'
import { time } from '../format.ts'
import type { View } from '../view.ts'

/** A station on the way of a question. */
interface Station {
  what: string
  title: string
  lines: ComponentChildren[]
  tone?: 'good' | 'bad'
}

/** The way of a question, drawn: client, view, zone or rule, each step, the answer; and what other views would have said, beside it. */
export function Path(props: { explanation: Explanation; from: string; signedWith?: string }): View {
  const { explanation } = props
  return h(
    'div',
    { class: 'paths' },
    h(
      'ol',
      { class: 'path', 'aria-label': 'The way of the question' },
      stationsOf(props).map((station, i) => h(Stop, { key: i, ...station })),
    ),
    explanation.elsewhere.length > 0 &&
      h(
        'section',
        { class: 'elsewhere' },
        h('h2', null, 'In other views'),
        explanation.elsewhere.map(({ view, rcode, answer, same }) =>
          h(
            'div',
            { class: `stop ${same ? '' : 'differs'}`, key: view },
            h('small', null, same ? 'the same' : 'something else'),
            h('b', null, view),
            answer.length > 0 ? answer.map(record => h('code', { key: record }, record)) : h('span', null, rcode),
          ),
        ),
      ),
  )
}

function stationsOf({
  explanation,
  from,
  signedWith,
}: {
  explanation: Explanation
  from: string
  signedWith?: string
}): Station[] {
  const { name, type, view, because, source, steps, rcode, answer, notes, owner, changed, zone, verdict } = explanation
  const origin = [
    ...(zone ? [`${zone.kind}, serial ${zone.serial ?? '–'}`] : []),
    ...(changed ? [`changed ${time(changed.at)} by ${changed.by}, serial ${changed.serial}`] : []),
  ]
  return [
    {
      what: 'client',
      title: from,
      lines: [...(signedWith === undefined ? [] : [`signs with ${signedWith}`]), `asks for ${name} ${type}`],
    },
    { what: 'view', title: view ?? 'none', lines: [because], ...(view === undefined && { tone: 'bad' as const }) },
    ...(view === undefined ? [] : [{ what: 'source', title: source, lines: origin }]),
    ...steps.map((step, i) => ({ what: `step ${i + 1}`, title: step, lines: [] })),
    ...(notes.length > 0 ? [{ what: 'beside', title: 'What else was found', lines: notes }] : []),
    {
      what: 'answer',
      title: rcode,
      lines: [
        ...answer.map(record => h('code', { key: record }, record)),
        ...(owner === undefined ? [] : [`held by ${owner}`]),
      ],
      // An answer may be right where the certificate is wrong.
      tone: verdict.finding === 'fine' || answer.length > 0 ? 'good' : 'bad',
    },
  ]
}

function Stop({ what, title, lines, tone }: Station): View {
  return h(
    'li',
    { class: `stop ${tone ?? ''}` },
    h('small', null, what),
    h('b', null, title),
    lines.map((line, i) => h('span', { key: i }, line)),
  )
}
