import { useEffect, useState } from 'preact/hooks'

/** Where one is: `#/zones/inside/a.example.?search=www` has the parts zones, inside, a.example. */
export interface Place {
  parts: string[]
  query: URLSearchParams
}

function current(): Place {
  const [path = '', query = ''] = location.hash.replace(/^#\/?/, '').split('?')
  return { parts: path.split('/').filter(Boolean).map(decodeURIComponent), query: new URLSearchParams(query) }
}

/** The place, as it changes. */
export function usePlace(): Place {
  const [place, move] = useState(current)
  useEffect(() => {
    const moved = () => move(current())
    addEventListener('hashchange', moved)
    return () => removeEventListener('hashchange', moved)
  }, [])
  return place
}

/** The address of a place. */
export function href(parts: readonly string[], query: Record<string, string> = {}): string {
  const text = new URLSearchParams(query).toString()
  return `#/${parts.map(encodeURIComponent).join('/')}${text ? `?${text}` : ''}`
}

export function go(parts: readonly string[], query: Record<string, string> = {}): void {
  location.hash = href(parts, query)
}
