import { h } from 'preact'
import { useState } from 'preact/hooks'
import type { CertificateAuthority, CertificateDetails, RecordEntry } from '../../../cli/replies.ts'
import { call, get, part } from '../api.ts'
import { Question } from '../dialogs.ts'
import { date, distance, time } from '../format.ts'
import { useLoad } from '../load.ts'
import type { PageProps } from '../page-props.ts'
import { Facts, Field, Panel, Title, Waiting } from '../parts.ts'
import { href } from '../router.ts'
import type { View } from '../view.ts'
import { Status } from './certificates.ts'

/** As RFC 5280 §5.3.1 names them, those that an operator has. */
const REASONS = ['unspecified', 'keyCompromise', 'superseded', 'cessationOfOperation', 'privilegeWithdrawn']

/** A certificate: what it hangs on, and what happened to it. */
export function CertificatePage({ place, session }: PageProps): View {
  const serial = place.parts[1]!
  const found = useLoad(() => get<CertificateDetails>(`/ca/certificates/${part(serial)}`), [serial])
  const [revoking, revoke] = useState(false)
  const mayRevoke = session.everything && session.roles.includes('admin') && found.data?.status === 'valid'
  return h(
    'div',
    { class: 'page' },
    h(
      Title,
      { aside: mayRevoke && h('button', { type: 'button', class: 'danger', onClick: () => revoke(true) }, 'Revoke') },
      'Certificate',
    ),
    h(Waiting<CertificateDetails>, {
      of: found,
      children: details => [h(Certificate, details), h(Chain, details), h(Timeline, details), h(Pem, details)],
    }),
    revoking &&
      h(Revocation, {
        serial,
        onClose: () => revoke(false),
        onDone: () => {
          revoke(false)
          found.reload()
        },
      }),
  )
}

function Certificate(details: CertificateDetails): View {
  const { names, serial, profile, account, sha256, key_type, not_before, not_after } = details
  const rows: [string, View | string][] = [
    ['Names', names.join(', ')],
    ['Status', h(Status, details)],
    ['Profile', profile],
    ['Account', account ?? 'none: by hand, or our own'],
    ['Key', key_type],
    ['Serial', h('span', { class: 'mono' }, serial)],
    ['SHA-256', h('span', { class: 'mono wrap' }, sha256)],
  ]
  return h(
    Panel,
    {
      title: names[0] ?? serial,
      wide: true,
      aside: h('a', { href: href(['explain'], { name: names[0] ?? '' }) }, 'Explain the name'),
    },
    h(Facts, { rows }),
    h(Validity, { from: not_before, to: not_after }),
  )
}

/** How much of its life is over, drawn. */
function Validity({ from, to }: { from: string; to: string }): View {
  const [begin, end] = [Date.parse(from), Date.parse(to)]
  const share = Math.min(1, Math.max(0, (Date.now() - begin) / (end - begin)))
  return h(
    'div',
    { class: 'validity' },
    h('time', { dateTime: from }, date(from)),
    h('progress', { max: 1, value: share, 'aria-label': 'How much of its life is over' }),
    h('time', { dateTime: to }, `${date(to)} (${distance(to)})`),
  )
}

function Chain({ chain, names, serial, not_before, not_after, sha256 }: CertificateDetails): View {
  const leaf: CertificateAuthority = { subject: names[0] ?? serial, serial, sha256, not_before, not_after }
  const links = [leaf, ...chain].reverse()
  return h(
    Panel,
    { title: 'Chain', wide: true },
    h(
      'ol',
      { class: 'chain' },
      links.map((one, i) =>
        h(
          'li',
          { key: one.serial },
          h('small', { class: 'muted' }, i === links.length - 1 ? 'certificate' : i === 0 ? 'root' : 'intermediate'),
          h('b', null, one.subject),
          h('span', null, `${date(one.not_before)} to ${date(one.not_after)}`),
          h('small', { class: 'mono', title: one.sha256 }, `${one.sha256.slice(0, 23)}…`),
        ),
      ),
    ),
  )
}

const HAPPENED: Record<string, string> = { issued: 'Issued', revoked: 'Revoked', refused: 'Refused', failed: 'Failed' }

function Timeline({ record, not_before, not_after }: CertificateDetails): View {
  const happened = [
    ...record.map(entry => ({ at: entry.at, what: HAPPENED[entry.kind] ?? entry.kind, entry })),
    { at: not_before, what: 'Valid from', entry: undefined },
    { at: not_after, what: Date.parse(not_after) < Date.now() ? 'Expired' : 'Expires', entry: undefined },
  ].sort((a, b) => Date.parse(a.at) - Date.parse(b.at))
  return h(
    Panel,
    { title: 'Timeline', wide: true },
    h(
      'ol',
      { class: 'timeline' },
      happened.map(({ at, what, entry }) =>
        h(
          'li',
          { key: at + what },
          h('time', { dateTime: at }, time(at)),
          h('div', null, h('b', null, what), entry && h(Circumstances, { entry })),
        ),
      ),
    ),
  )
}

/** What the record has beside the certificate itself: who asked, which rule allowed it, what proved control. */
function Circumstances({ entry }: { entry: RecordEntry }): View {
  const { at: _, kind: __, serial: ___, names: ____, ...rest } = entry
  const rows = Object.entries(rest).map(([name, value]) => [name.replaceAll('_', ' '), describe(value)] as const)
  return h(Facts, { rows, small: true })
}

function describe(value: unknown): string {
  if (Array.isArray(value)) return value.map(describe).join('; ')
  if (typeof value !== 'object' || value === null) return String(value)
  return Object.entries(value)
    .map(([name, one]) => `${name} ${describe(one)}`)
    .join(', ')
}

function Pem({ certificate }: CertificateDetails): View {
  return h(
    'details',
    { class: 'panel' },
    h('summary', null, 'PEM'),
    h('pre', { class: 'scroll', tabIndex: 0 }, certificate),
  )
}

function Revocation({ serial, onClose, onDone }: { serial: string; onClose: () => void; onDone: () => void }): View {
  return h(
    Question,
    {
      ...{ title: 'Revoke the certificate', yes: 'Revoke', danger: true, onClose, onDone },
      act: ({ reason }) => call('POST', `/ca/certificates/${part(serial)}/revoke`, { reason }),
    },
    h('p', null, 'It is on the next CRL and in OCSP at once. There is no way back.'),
    h(Field, {
      label: 'Reason',
      children: h(
        'select',
        { name: 'reason' },
        REASONS.map(one => h('option', { key: one, value: one }, one)),
      ),
    }),
  )
}
