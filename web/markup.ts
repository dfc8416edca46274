const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }

/** Text as it stands in HTML, between tags or in quotes. */
export function escapeMarkup(text: string): string {
  return text.replace(/[&<>"]/g, char => ENTITIES[char]!)
}
