import { printAddress } from '../../config/address.ts'
import { rcodeName } from '../../dns/codes.ts'
import { printName } from '../../dns/name.ts'
import { silentTracer, type Tracer } from '../../host/tracer.ts'
import type { Decision } from '../threads/decisions.ts'
import type { UpdateRequest } from '../threads/messages.ts'

/** Decides on an UPDATE as a span that began when a serving thread had it, the way to here being its first part. */
export function traceUpdate(
  tracer: Tracer,
  { zone, from, received: began }: UpdateRequest,
  decide: () => Promise<Decision>,
): Promise<Decision> {
  if (tracer === silentTracer) return decide()
  const { view, address, port, transport, key } = from
  const attributes = {
    ...{ 'dns.opcode': 'UPDATE', 'dns.zone': printName(zone), 'dns.view': view, 'dns.key': key && printName(key) },
    ...{ 'client.address': printAddress(address), 'client.port': port, 'network.transport': transport },
  }
  return tracer.span('UPDATE', { kind: 'server', attributes, began }, async span => {
    tracer.span('receive', { began }, () => {})
    const decision = await decide()
    const { rcode, reason, wire } = decision
    span.set({ 'dns.rcode': rcodeName(rcode), 'dns.forwarded': wire !== undefined })
    if (reason) span.fail(reason)
    return decision
  })
}
