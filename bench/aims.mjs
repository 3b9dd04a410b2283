// The aims, and whether the tables of a run meet them. The subjects know nothing of the aims.
import { table } from './table.mjs'

/**
 * A figure of a table, in the column whose head contains `column`. It is the number in parentheses
 * where the cell has one, since that is the ratio.
 *
 * @typedef {{ row: string, column: string, most?: number, least?: number }} Aim
 */

/** @type {Record<string, Aim[]>} by subject */
const AIMS = {
  mcp: [
    { row: 'tools/call, 2026-07-28', column: 'ratio', most: 2.2 },
    { row: 'tools/call, 2025-11-25 in a session', column: 'ratio', most: 2.6 },
  ],
  sse: [{ row: 'tools/call over /sse', column: 'ratio', most: 4 }],
  processor: [
    { row: 'in one process, 2026-07-28', column: 'the rest', most: 0.8 },
    { row: 'in one process, in a session', column: 'the rest', most: 1 },
    { row: 'environment, 2026-07-28', column: 'the rest', most: 2.5 },
  ],
  throughput: [
    { row: 'tools/call, 2026-07-28', column: '1 at a time', least: 0.45 },
    { row: 'tools/call, 2026-07-28', column: '4 at a time', least: 0.45 },
    { row: 'tools/call, 2026-07-28', column: '16 at a time', least: 0.33 },
  ],
  cold: ['initialize', 'server/discover', 'tools/list', 'tools/call', 'GET /sse'].flatMap(row => [
    { row, column: 'full speed', most: 2.6 },
    { row, column: '2/7', most: 4 },
  ]),
  'small-memory': [
    { row: 'first tools/call, after INIT', column: '1/7', most: 400 },
    { row: 'a warm call adds', column: '1/7', most: 15 },
  ],
  registrations: [
    { row: 'tools/call', column: '10,000', most: 1.2 },
    { row: 'tools/list, first page', column: '10,000', most: 2 },
    { row: 'PUT with another function', column: '10,000', most: 1.2 },
    { row: 'DELETE of a function that others have', column: '10,000', most: 1.2 },
    { row: 'DELETE of the last of its function', column: '10,000', most: 1.2 },
  ],
  'rate-limit': ['one', 'two', 'three'].flatMap(row => [
    { row, column: 'results per second', least: 0.9 },
    { row, column: 'results per second', most: 1.1 },
  ]),
  memory: ['tools/call, 2026-07-28', 'tools/call, 2025-11-25 in a session'].map(row => ({
    row,
    column: 'most MB',
    most: 100,
  })),
  bundles: [
    { row: 'mcp, all files', column: 'KB', most: 850 },
    { row: 'mcp, loaded in INIT', column: 'KB', most: 300 },
    { row: 'registration, all files', column: 'KB', most: 650 },
  ],
  bridge: [
    { row: 'bridge', column: 'of the proxy', most: 0.2 },
    { row: 'bridge', column: 'adds ms', most: 2 },
  ],
  'client-import': [{ row: 'client', column: 'processor ms', most: 60 }],
  cost: [
    { row: '2026-07-28', column: '50 ms', most: 0.6 },
    { row: '2026-07-28', column: '300 ms', most: 1.45 },
    { row: '2026-07-28', column: '1 s', most: 3.75 },
    { row: 'in a session', column: '300 ms', most: 2.2 },
    { row: 'in a session', column: '1 s', most: 4.5 },
    { row: 'an idle client of /mcp', column: 'dollars', most: 0 },
    { row: 'an open /sse stream', column: 'of these, reads', most: 1 },
    { row: 'a subscriptions/listen, with ServerPush', column: 'of these, reads', most: 0.2 },
  ],
}

/**
 * A table of the figures that have an aim, or nothing.
 *
 * @param {string} subject
 * @param {string} tables Markdown
 */
export function verdicts(subject, tables) {
  const found = (AIMS[subject] ?? []).flatMap(aim => {
    const value = figure(aim, tables)
    if (value === undefined) return []
    const { row, column, most = Number.POSITIVE_INFINITY, least = 0 } = aim
    const wanted = aim.most === undefined ? `≥ ${least}` : `≤ ${most}`
    const isMet = value <= most && value >= least
    return [[`${row}: ${column}`, String(value), wanted, isMet ? 'met' : 'MISSED']]
  })
  return found.length > 0 ? table(['figure', 'measured', 'aim', ''], found) : ''
}

/**
 * The figure in the first table that has the row and the column.
 *
 * @param {Aim} aim
 * @param {string} tables
 */
function figure({ row, column }, tables) {
  for (const text of tables.split(/\n\n+/)) {
    const [head = [], , ...rows] = text
      .split('\n')
      .filter(line => line.startsWith('|'))
      .map(line =>
        line
          .slice(1, -1)
          .split('|')
          .map(cell => cell.trim()),
      )
    const index = head.findIndex(it => it.includes(column))
    const cell = rows.find(([name]) => name === row)?.[index]
    const number = /\(([\d.]+)\)/.exec(cell ?? '')?.[1] ?? /[\d.]+/.exec(cell ?? '')?.[0]
    if (number !== undefined) return Number(number)
  }
  return undefined
}
