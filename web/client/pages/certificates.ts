import { h } from 'preact'
import { useState } from 'preact/hooks'
import type { CertificateSummary } from '../../../cli/replies.ts'
import { get } from '../api.ts'
import { date, distance } from '../format.ts'
import { useLoad, useSettled } from '../load.ts'
import type { PageProps } from '../page-props.ts'
import { Table, Tag, Title, type Tone, Waiting } from '../parts.ts'
import { href } from '../router.ts'
import type { View } from '../view.ts'

const PAGE = 200
const TONES: Record<CertificateSummary['status'], Tone> = { valid: 'good', expired: 'plain', revoked: 'bad' }

/** What was issued. */
export function CertificatesPage({ place }: PageProps): View {
  const [name, setName] = useState(place.query.get('name') ?? '')
  const [all, setAll] = useState(false)
  const settled = useSettled(name)
  const found = useLoad(
    () => get<CertificateSummary[]>('/ca/certificates', { name: settled, all, limit: PAGE }),
    [settled, all],
  )
  return h(
    'div',
    { class: 'page' },
    h(Title, null, 'Certificates'),
    h(
      'div',
      { class: 'tools' },
      h('input', {
        type: 'search',
        placeholder: 'A part of a name',
        'aria-label': 'Search certificates by name',
        value: name,
        onInput: (event: Event) => setName((event.currentTarget as HTMLInputElement).value),
      }),
      h(
        'label',
        { class: 'check' },
        h('input', {
          type: 'checkbox',
          checked: all,
          onChange: (event: Event) => setAll((event.currentTarget as HTMLInputElement).checked),
        }),
        'expired and revoked, too',
      ),
    ),
    h(Waiting<CertificateSummary[]>, { of: found, children: certificates => h(Certificates, { certificates }) }),
  )
}

/** A table of certificates. */
export function Certificates({ certificates }: { certificates: CertificateSummary[] }): View {
  return h(
    Table,
    {
      label: 'Certificates',
      columns: ['Names', 'Profile', 'Status', 'From', 'To', ''],
      ...(certificates.length === 0 && { empty: 'No certificates.' }),
    },
    certificates.map(certificate =>
      h(
        'tr',
        { key: certificate.serial },
        h(
          'td',
          null,
          h(
            'a',
            { href: href(['certificates', certificate.serial]) },
            certificate.names.join(', ') || certificate.serial,
          ),
        ),
        h('td', null, certificate.profile),
        h('td', null, h(Status, certificate)),
        h('td', { class: 'nowrap' }, date(certificate.not_before)),
        h('td', { class: 'nowrap' }, date(certificate.not_after)),
        h('td', { class: 'nowrap muted' }, certificate.status === 'valid' ? distance(certificate.not_after) : ''),
      ),
    ),
  )
}

export function Status({ status, reason }: Pick<CertificateSummary, 'status' | 'reason'>): View {
  return h(Tag, { tone: TONES[status] }, reason ? `${status}: ${reason}` : status)
}
