import { createHash } from 'node:crypto'
import type { Assets } from './assets.ts'
import { escapeMarkup } from './markup.ts'

/** The one page there is, and the headers that keep whatever goes wrong in it from mattering. */
export interface Page {
  html: string
  headers: Readonly<Record<string, string>>
}

/** Nothing is inline but the import map, which the policy names by its digest. `login` is what a way to log in is called, beside tokens. */
export function renderPage({ prefix, modules, imports: libraries }: Assets, login?: string): Page {
  const imports = Object.fromEntries(Object.entries(libraries).map(([name, path]) => [name, prefix + path]))
  const importMap = JSON.stringify({ imports })
  const preloaded = [...Object.values(imports), ...modules.slice(1).map(path => prefix + path)]
  const html = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>namestead</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">${login === undefined ? '' : `\n<meta name="login" content="${escapeMarkup(login)}">`}
<link rel="icon" href="${prefix}icon.svg">
<link rel="stylesheet" href="${prefix}uplot.css">
<link rel="stylesheet" href="${prefix}style.css">
<script type="importmap">${importMap}</script>
${preloaded.map(path => `<link rel="modulepreload" href="${path}">`).join('\n')}
<script type="module" src="${prefix}${modules[0]}"></script>
</head>
<body>
<noscript>The dashboard needs JavaScript; the command line does not: namestead status.</noscript>
<div id="app"></div>
</body>
</html>
`
  return { html, headers: { ...COMMON_HEADERS, 'content-security-policy': policy(importMap) } }
}

/** Of everything that the dashboard answers. */
export const COMMON_HEADERS = {
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
} as const

function policy(importMap: string): string {
  const digest = createHash('sha256').update(importMap).digest('base64')
  return [
    "default-src 'none'",
    `script-src 'self' 'sha256-${digest}'`,
    "style-src 'self'",
    "img-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join('; ')
}
