import { h } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import Plot from 'uplot'
import type { View } from './view.ts'

/** A line of a chart: one value for each moment, null where there is none. */
export interface Series {
  name: string
  values: (number | null)[]
}

const HEIGHT = 150
/** Those of the style sheet, in this order. */
const COLOURS = 6

/** Lines over time. `times` in milliseconds; `print` writes a value. */
export function Chart(props: {
  label: string
  times: number[]
  series: Series[]
  print: (value: number) => string
  /** What the axis shows at least. */
  least: number
}): View {
  const { label, times, series, print, least } = props
  const box = useRef<HTMLDivElement>(null)
  const plot = useRef<Plot | null>(null)
  const [at, point] = useState<number | null>(null)
  const names = series.map(({ name }) => name).join()
  const dark = useDark()

  useEffect(() => {
    const made = new Plot(optionsOf(box.current!, { series, print, least }, point), dataOf(times, series), box.current!)
    plot.current = made
    const resized = new ResizeObserver(([entry]) => made.setSize({ width: entry!.contentRect.width, height: HEIGHT }))
    resized.observe(box.current!)
    return () => {
      resized.disconnect()
      made.destroy()
    }
  }, [names, dark])
  useEffect(() => plot.current?.setData(dataOf(times, series)), [times, series])

  return h(
    'figure',
    { class: 'chart' },
    h(
      'figcaption',
      null,
      label,
      at !== null && times[at] && h('time', null, new Date(times[at]).toLocaleTimeString('sv')),
    ),
    h('div', { ref: box, class: 'plot', 'aria-hidden': true }),
    h(
      'ul',
      { class: 'legend' },
      series.map(({ name, values }, i) => {
        const value = values[at ?? values.length - 1]
        return h(
          'li',
          { key: name },
          h('i', { class: `swatch c${i % COLOURS}` }),
          `${name} `,
          h('b', null, value == null ? '–' : print(value)),
        )
      }),
    ),
  )
}

/** The time of a tick, in seconds; with its seconds where ticks are less than a minute apart. */
function clockAt(tick: number, ticks: readonly number[]): string {
  const text = new Date(tick * 1000).toLocaleTimeString('sv')
  return ticks.length > 1 && ticks[1]! - ticks[0]! < 60 ? text : text.slice(0, 5)
}

function dataOf(times: number[], series: Series[]): Plot.AlignedData {
  return [times.map(time => time / 1000), ...series.map(({ values }) => values)]
}

function optionsOf(
  box: HTMLElement,
  { series, print, least }: { series: Series[]; print: (value: number) => string; least: number },
  point: (at: number | null) => void,
): Plot.Options {
  const style = getComputedStyle(box)
  const colour = (name: string) => style.getPropertyValue(`--${name}`).trim()
  const axis = {
    stroke: colour('muted'),
    font: `11px ${style.fontFamily}`,
    grid: { stroke: colour('line'), width: 1 },
    ticks: { show: false },
  }
  return {
    width: box.clientWidth,
    height: HEIGHT,
    padding: [8, 18, 0, 0],
    legend: { show: false },
    cursor: { drag: { x: false, y: false }, y: false, points: { size: 5 } },
    scales: { y: { range: (_plot, _, most) => [0, Math.max(most * 1.1, least)] } },
    axes: [
      {
        ...axis,
        size: 24,
        space: 90,
        values: (_plot, ticks) => ticks.map(tick => clockAt(tick, ticks)),
      },
      { ...axis, size: 58, values: (_plot, ticks) => ticks.map(print) },
    ],
    series: [
      {},
      ...series.map(({ name }, i) => ({
        label: name,
        stroke: colour(`c${i % COLOURS}`),
        width: 1.5,
        points: { show: false },
      })),
    ],
    hooks: { setCursor: [({ cursor: { idx } }) => point(idx ?? null)] },
  }
}

const DARK = matchMedia('(prefers-color-scheme: dark)')

function useDark(): boolean {
  const [dark, set] = useState(DARK.matches)
  useEffect(() => {
    const changed = () => set(DARK.matches)
    DARK.addEventListener('change', changed)
    return () => DARK.removeEventListener('change', changed)
  }, [])
  return dark
}
