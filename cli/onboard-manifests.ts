import type { SharedKey } from './keygen.ts'

/** What manifests for a cluster are made of. */
export interface Onboarded {
  cluster: string
  view: string
  zone: string
  /** The names that are the cluster's own: this and all below. */
  domain: string
  /** Our address. */
  server: string
  port: number
  /** The ACME directory; absent where there is no CA. */
  acme?: string
  /** Of ExternalDNS, and of cert-manager. */
  keys: [SharedKey, SharedKey]
}

/** All that the cluster is to be given. The TSIG secrets are in it. */
export function printOnboarded(cluster: Onboarded, caBundle: string): string {
  const parts = [
    corefile(cluster),
    externalDns(cluster),
    ...(cluster.acme === undefined ? [] : certManager(cluster, caBundle)),
  ]
  return parts.join('---\n')
}

function corefile({ zone, server, port, view, cluster }: Onboarded): string {
  const target = port === 53 ? server : `${server}:${port}`
  return `# For cluster ${cluster}, which works in view ${view}. It holds secrets: kubectl apply it, and keep it nowhere.
#
# Into the Corefile (kubectl -n kube-system edit configmap coredns):
#
#   ${zone}:53 {
#       errors
#       cache 30
#       forward . ${target}
#   }
`
}

function secretOf(name: string, namespace: string, { secret }: SharedKey): string {
  return `apiVersion: v1
kind: Secret
metadata: { name: ${name}, namespace: ${namespace} }
stringData: { secret: "${secret}" }
`
}

function externalDns({ cluster, zone, domain, server, port, keys: [key] }: Onboarded): string {
  return `${secretOf('namestead-externaldns', 'external-dns', key)}---
# Values of the Helm chart external-dns/external-dns:
#
#   provider: { name: rfc2136 }
#   registry: txt
#   txtOwnerId: ${cluster}
#   domainFilters: [${domain}]
#   extraArgs:
#     - --rfc2136-host=${server}
#     - --rfc2136-port=${port}
#     - --rfc2136-zone=${zone}
#     - --rfc2136-tsig-keyname=${key.name}
#     - --rfc2136-tsig-secret=$(TSIG_SECRET)
#     - --rfc2136-tsig-secret-alg=${key.algorithm}
#     - --rfc2136-tsig-axfr
#   env:
#     - name: TSIG_SECRET
#       valueFrom: { secretKeyRef: { name: namestead-externaldns, key: secret } }
`
}

function certManager({ acme, domain, server, port, keys: [, key] }: Onboarded, caBundle: string): string[] {
  const bundle = caBundle === '' ? '<namestead ca roots | base64 -w0>' : Buffer.from(caBundle).toString('base64')
  const issuer = `${secretOf('namestead-certmanager', 'cert-manager', key)}---
apiVersion: cert-manager.io/v1
kind: ClusterIssuer
metadata: { name: namestead }
spec:
  acme:
    server: ${acme}
    caBundle: ${bundle}
    privateKeySecretRef: { name: namestead-account }
    solvers:
      - selector: { dnsZones: [${domain}] }
        dns01:
          rfc2136:
            nameserver: "${server}:${port}"
            tsigKeyName: ${key.name}
            tsigAlgorithm: ${key.algorithm.replace('-', '').toUpperCase()}
            tsigSecretSecretRef: { name: namestead-certmanager, key: secret }
`
  return caBundle === '' ? [issuer] : [issuer, trustBundle(caBundle)]
}

/** What trust-manager hands to every namespace. */
function trustBundle(caBundle: string): string {
  const indented = caBundle
    .trim()
    .split('\n')
    .map(line => `          ${line}\n`)
  return `apiVersion: trust.cert-manager.io/v1alpha1
kind: Bundle
metadata: { name: namestead }
spec:
  sources:
    - inLine: |
${indented.join('')}  target:
    configMap: { key: ca.crt }
`
}
