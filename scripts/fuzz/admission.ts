import { reviewAdmission } from '../../ca/permission/admission.ts'
import { compilePattern } from '../../config/pattern.ts'
import type { FuzzTarget } from './target.ts'

const RULE = {
  names: [compilePattern('**.apps.test')],
  addresses: [],
  wildcards: true,
  writers: false,
  approval: false,
}
const deps = { policy: () => ({ rules: [RULE] }), hierarchy: { permits: () => true } }
const KINDS = ['Ingress', 'Gateway', 'HTTPRoute', 'Certificate']

/** What an AdmissionReview is read by: it is answered or passed over, and nothing is allowed that names a host beside the rule. */
export const admission: FuzzTarget = {
  extension: 'json',
  words: ['"spec"', '"host"', '"dnsNames"', '"uris"', 'null', '[]', '{}', '"*."', '"DELETE"', ...KINDS].map(
    word => new Uint8Array(Buffer.from(word)),
  ),
  check(input) {
    const review = reviewAdmission(input, 'apps', deps) as { response: { allowed: boolean } } | undefined
    if (!review?.response.allowed) return
    const { operation, object } = JSON.parse(Buffer.from(input).toString()).request
    const rules: unknown = operation !== 'DELETE' && object?.kind === 'Ingress' ? object.spec?.rules : []
    for (const host of Array.isArray(rules) ? rules.map(rule => rule?.host) : [])
      if (typeof host === 'string' && host !== '' && !/(^|\.)apps\.test\.?$/i.test(host))
        throw new Error(`${host} was allowed, which no rule covers`)
  },
}
