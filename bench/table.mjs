import { median, quantile } from './turns.mjs'

/** A table in Markdown, its columns as wide as what stands in them. */
export function table(head, rows) {
  const widths = head.map((_, n) => Math.max(3, ...[head, ...rows].map(row => row[n].length)))
  const line = cells => `| ${cells.map((cell, n) => cell.padEnd(widths[n])).join(' | ')} |`
  return [line(head), line(widths.map(width => '-'.repeat(width))), ...rows.map(line)].join('\n')
}

/** One row for each variant's milliseconds; what stands behind `to` is what the others are compared with. */
export function latencies(times, { to }) {
  const base = median(times[to])
  return table(
    ['', 'p50 ms', 'p95 ms', `over "${to}"`, 'ratio'],
    Object.entries(times).map(([name, own]) => {
      const p50 = median(own)
      const comparison = name === to ? ['', ''] : [signed(p50 - base), (p50 / base).toFixed(2)]
      return [name, p50.toFixed(1), quantile(own, 0.95).toFixed(1), ...comparison]
    }),
  )
}

const signed = ms => `${ms < 0 ? '' : '+'}${ms.toFixed(1)}`
