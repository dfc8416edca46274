/** The first zone of a domain: our own names, and room to grow. */
export function printFirstZone(domain: string, address: string, records: readonly string[] = []): string {
  const type = address.includes(':') ? 'AAAA' : 'A'
  return `$ORIGIN ${domain}.
$TTL 300
; The serial rises by itself with every update, and when this file changes.
@         IN SOA  ns1 hostmaster 1 3600 600 604800 60
@         IN NS   ns1
ns1       IN ${type.padEnd(4)} ${address}
ca        IN ${type.padEnd(4)} ${address}
${records.map(record => `${record}\n`).join('')}`
}
