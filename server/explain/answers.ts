import { OptionCode } from '../../dns/codes.ts'
import { isSubdomain, type Name, printName } from '../../dns/name.ts'
import type { Inquiry } from '../inquire.ts'
import type { ServingView } from '../state.ts'

/** The Extended DNS Errors of an answer (RFC 8914 §2). */
export function errorsOf({ message }: Inquiry): { code: number; text: string }[] {
  const options = message.edns?.options ?? []
  return options.flatMap(({ code, data }) =>
    code === OptionCode.EDE
      ? [{ code: ((data[0] ?? 0) << 8) | (data[1] ?? 0), text: Buffer.from(data.subarray(2)).toString('utf8') }]
      : [],
  )
}

/** The forward rule of the longest suffix of a name that is not ours. */
export function ruleFor({ forward }: ServingView, name: Name): ServingView['forward'][number] | undefined {
  const fitting = forward.filter(({ zone }) => isSubdomain(name, zone))
  return fitting.reduce<(typeof fitting)[number] | undefined>(
    (a, b) => (a && a.zone.length >= b.zone.length ? a : b),
    undefined,
  )
}

/** The same in words. */
export function describeRule(view: ServingView, name: Name): string {
  const rule = ruleFor(view, name)
  return rule ? `forward rule ${printName(rule.zone)}` : 'no zone and no forward rule'
}
