import { median, quantile } from './turns.mjs'

/**
 * A Markdown table with aligned columns.
 *
 * @param {string[]} head
 * @param {string[][]} rows
 */
export function table(head, rows) {
  const widths = head.map((_, n) => Math.max(3, ...[head, ...rows].map(row => row[n]?.length ?? 0)))
  /** @param {string[]} cells */
  const line = cells => `| ${cells.map((cell, n) => cell.padEnd(widths[n] ?? 0)).join(' | ')} |`
  return [line(head), line(widths.map(width => '-'.repeat(width))), ...rows.map(line)].join('\n')
}

/**
 * A table with one row for each variant. The variant named `to` is what the others are compared
 * with.
 *
 * @param {Record<string, number[]>} times milliseconds by variant
 * @param {{ to: string }} options
 */
export function latencies(times, { to }) {
  const base = median(times[to] ?? [])
  return table(
    ['', 'p50 ms', 'p95 ms', `over "${to}"`, 'ratio'],
    Object.entries(times).map(([name, own]) => {
      const p50 = median(own)
      const comparison = name === to ? ['', ''] : [signed(p50 - base), (p50 / base).toFixed(2)]
      return [name, p50.toFixed(1), quantile(own, 0.95).toFixed(1), ...comparison]
    }),
  )
}

/** @param {number} ms */
const signed = ms => `${ms < 0 ? '' : '+'}${ms.toFixed(1)}`
