import { h } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import type { Session, SessionEnd } from '../../cli/replies.ts'
import { call, onSignedOut } from './api.ts'
import { useLive } from './live.ts'
import type { PageProps } from './page-props.ts'
import { ApprovalsPage } from './pages/approvals.ts'
import { CertificatePage } from './pages/certificate.ts'
import { CertificatesPage } from './pages/certificates.ts'
import { ComparePage } from './pages/compare.ts'
import { ExplainPage } from './pages/explain.ts'
import { KeysPage } from './pages/keys.ts'
import { LoginPage } from './pages/login.ts'
import { OrdersPage } from './pages/orders.ts'
import { OverviewPage } from './pages/overview.ts'
import { PoliciesPage } from './pages/policies.ts'
import { QueriesPage } from './pages/queries.ts'
import { ZonePage } from './pages/zone.ts'
import { ZonesPage } from './pages/zones.ts'
import { href, usePlace } from './router.ts'
import type { View } from './view.ts'

interface PageRow {
  path: string
  title: string
  page: (props: PageProps) => View
  /** Whether whoever is signed in has anything to see there. */
  isFor(session: Session): boolean
  /** Reached from another page, and not in the menu. */
  hidden?: boolean
}

const everybody = () => true
const withEverything = ({ everything }: Session) => everything
const withCa = ({ ca }: Session) => ca

const PAGES: readonly PageRow[] = [
  { path: 'overview', title: 'Overview', page: OverviewPage, isFor: withEverything },
  {
    path: 'zones',
    title: 'Zones',
    page: ({ place, ...rest }) =>
      place.parts.length > 2
        ? h(ZonePage, { key: place.parts.join('/'), place, ...rest })
        : h(ZonesPage, { place, ...rest }),
    isFor: everybody,
  },
  { path: 'compare', title: 'Side by side', page: ComparePage, isFor: everybody },
  { path: 'explain', title: 'Explain', page: ExplainPage, isFor: everybody },
  {
    path: 'certificates',
    title: 'Certificates',
    page: props =>
      props.place.parts[1] ? h(CertificatePage, { key: props.place.parts[1], ...props }) : h(CertificatesPage, props),
    isFor: withCa,
  },
  { path: 'orders', title: 'Orders', page: OrdersPage, isFor: withCa },
  { path: 'approvals', title: 'Approvals', page: ApprovalsPage, isFor: ({ ca, everything }) => ca && everything },
  { path: 'keys', title: 'Keys', page: KeysPage, isFor: withEverything },
  { path: 'policies', title: 'Policies', page: PoliciesPage, isFor: withEverything },
  { path: 'queries', title: 'Queries', page: QueriesPage, isFor: withEverything },
]

export function App(): View {
  /** Undefined until the server has said whether somebody is signed in. */
  const [session, setSession] = useState<Session | null | undefined>(undefined)
  useEffect(() => {
    onSignedOut(() => setSession(null))
    call<Session>('GET', '/session').then(setSession, () => setSession(null))
  }, [])
  if (session === undefined) return h('p', { class: 'muted' }, 'One moment …')
  if (session === null) return h(LoginPage, { onSession: setSession })
  return h(Shell, { session, onEnd: () => setSession(null) })
}

function Shell({ session, onEnd }: { session: Session; onEnd: () => void }): View {
  const place = usePlace()
  const live = useLive(session.everything)
  const pages = PAGES.filter(({ isFor }) => isFor(session))
  const current = pages.find(({ path }) => path === place.parts[0]) ?? pages[0]!
  useEffect(() => {
    document.title = `${current.title} – namestead`
  }, [current])
  const leave = () =>
    void call<SessionEnd>('DELETE', '/session').then(
      ({ onward }) => (onward === null ? onEnd() : location.assign(onward)),
      onEnd,
    )
  return h(
    'div',
    { class: 'shell' },
    h('a', { class: 'skip', href: '#main', onClick: (event: Event) => toMain(event) }, 'To the content'),
    h(
      'header',
      { class: 'bar' },
      h('a', { class: 'brand', href: href([pages[0]!.path]) }, 'namestead'),
      h(
        'nav',
        { 'aria-label': 'Pages' },
        h(
          'ul',
          null,
          pages.map(({ path, title }) =>
            h(
              'li',
              { key: path },
              h('a', { href: href([path]), 'aria-current': path === current.path ? 'page' : undefined }, title),
            ),
          ),
        ),
      ),
      h(
        'div',
        { class: 'who' },
        session.everything &&
          h('span', {
            class: live.connected ? 'dot good' : 'dot bad',
            title: live.connected ? 'Live' : 'Not connected',
          }),
        h('span', { class: 'server' }, session.server.replace(/\.$/, '')),
        h('span', { class: 'muted' }, `${session.name} (${session.roles.at(-1)})`),
        h('button', { type: 'button', class: 'quiet', onClick: leave }, 'Sign out'),
      ),
    ),
    h('main', { id: 'main', tabIndex: -1 }, h(current.page, { key: current.path, place, session, live })),
  )
}

/** The place is in the fragment already. */
function toMain(event: Event): void {
  event.preventDefault()
  document.getElementById('main')?.focus()
}
