import { escapeMarkup } from './markup.ts'
import { COMMON_HEADERS, type Page } from './page.ts'

/** A page that says what went wrong and what to do about it, with a way back to the dashboard. */
export function renderNotice(title: string, paragraphs: readonly string[]): Page {
  const html = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>${escapeMarkup(title)} – namestead</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
</head>
<body>
<main>
<h1>${escapeMarkup(title)}</h1>
${paragraphs.map(text => `<p>${escapeMarkup(text)}</p>`).join('\n')}
<p><a href="/">Back to the dashboard</a></p>
</main>
</body>
</html>
`
  const policy = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
  return { html, headers: { ...COMMON_HEADERS, 'cache-control': 'no-store', 'content-security-policy': policy } }
}
