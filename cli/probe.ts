import type { Command } from 'commander'
import { ask, type OnlineOptions, online, printJson } from './online.ts'
import type { Watched } from './replies.ts'
import { type Terminal, table } from './terminal.ts'

/** `probe`: looks from outside at what the configuration lists, now. */
export function addProbe(program: Command, terminal: Terminal): void {
  const description =
    'ask for and connect to the names of `probes`, and compare zones with their secondaries and parents, now'
  online(program.command('probe').description(description)).action(async (options: OnlineOptions) => {
    const watched = await ask('probe', {}, options, terminal)
    if (options.json) printJson(watched, terminal)
    else terminal.out(printWatched(watched))
  })
}

function printWatched({ probes, secondaries, delegations }: Watched): string {
  const layers = probes.flatMap(({ name, port, layers }) =>
    layers.map(({ layer, ok, what, milliseconds }) => [
      `${name}:${port}`,
      layer,
      ok ? 'ok' : 'FAILS',
      `${milliseconds} ms`,
      what,
    ]),
  )
  const others = secondaries.map(({ view, zone, secondary, serial, own, problem }) => [
    zone,
    view,
    secondary,
    serial ?? '–',
    serial === own ? 'ok' : (problem ?? `has not ${own ?? 'nothing'} yet`),
  ])
  return (
    [
      layers.length > 0 && table(['NAME', 'LAYER', '', 'TIME', 'FOUND'], layers),
      others.length > 0 && table(['ZONE', 'VIEW', 'SECONDARY', 'SERIAL', ''], others),
      delegations.map(one => `${one.zone} in view ${one.view}: ${describeDelegation(one)}\n`).join(''),
    ]
      .filter(Boolean)
      .join('\n') || 'nothing to look at: list names under probes\n'
  )
}

function describeDelegation({ parent, problem, unknown }: Watched['delegations'][number]): string {
  return problem ?? (unknown === undefined ? `delegated by ${parent} as it should be` : `not compared: ${unknown}`)
}
