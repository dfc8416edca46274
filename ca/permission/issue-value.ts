/** An issuer-domain-name with its parameters (RFC 8659 §4.2), as CAA and dns-persist-01 have it. */
export interface IssueValue {
  /** In lower case; empty where nobody is named. */
  issuer: string
  /** Tags in lower case, in the order in which they stand. */
  parameters: { tag: string; value: string }[]
}

/** [issuer-domain-name] *(";" tag "=" value), where hyphens may stand within a tag. Undefined for what does not follow the grammar: it permits nobody. */
export function parseIssueValue(text: string): IssueValue | undefined {
  const [issuer = '', ...rest] = text.split(';').map(part => part.trim())
  const matches = rest
    .filter(part => part !== '')
    .map(part => /^([A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)\s*=\s*([\x21-\x3a\x3c-\x7e]*)$/.exec(part))
  if (matches.includes(null)) return undefined
  const parameters = matches.map(match => ({ tag: match![1]!.toLowerCase(), value: match![2]! }))
  return { issuer: issuer.toLowerCase(), parameters }
}
