import type { ForwardRule } from '../../config/schema.ts'
import { OptionCode } from '../../dns/codes.ts'
import { equalNames, isSubdomain, type Name, printName } from '../../dns/name.ts'
import type { Inquiry } from '../requests/inquire.ts'
import type { ServingView } from '../requests/state.ts'

/** The Extended DNS Errors of an answer (RFC 8914 §2). */
export function errorsOf({ message }: Inquiry): { code: number; text: string }[] {
  const options = message.edns?.options ?? []
  return options.flatMap(({ code, data }) =>
    code === OptionCode.EDE
      ? [{ code: ((data[0] ?? 0) << 8) | (data[1] ?? 0), text: Buffer.from(data.subarray(2)).toString('utf8') }]
      : [],
  )
}

/** The forward rule that a name which is not ours is resolved by; undefined where a stub zone, or nothing, is for it. */
export function ruleFor(view: ServingView, name: Name): ForwardRule | undefined {
  const zone = ruledZone(view, name)
  return zone && view.config.forward.find(rule => equalNames(rule.zone, zone))
}

/** The same in words. */
export function describeRule(view: ServingView, name: Name): string {
  const zone = ruledZone(view, name)
  if (!zone) return 'no zone and no forward rule'
  return `${ruleFor(view, name) ? 'forward rule' : 'stub zone'} ${printName(zone)}`
}

/** The longest suffix that a rule or stub zone is for. */
function ruledZone({ ruled }: ServingView, name: Name): Name | undefined {
  const fitting = ruled.filter(zone => isSubdomain(name, zone))
  return fitting.reduce<Name | undefined>((a, b) => (a && a.length >= b.length ? a : b), undefined)
}
