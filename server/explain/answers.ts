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

/** The forward rule of the view that is for a name that is not ours, in words. */
export function ruleFor({ forward }: ServingView, name: Name): string {
  const fitting = forward.filter(({ zone }) => isSubdomain(name, zone))
  const longest = fitting.reduce<(typeof fitting)[number] | undefined>(
    (a, b) => (a && a.zone.length >= b.zone.length ? a : b),
    undefined,
  )
  return longest ? `forward rule ${printName(longest.zone)}` : 'no zone and no forward rule'
}
