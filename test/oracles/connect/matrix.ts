import { readFileSync, writeFileSync } from 'node:fs'

import { readPage, root } from '../../docs/markdown.ts'
import type { PageClient } from './clients.ts'
import { type Endpoint, PAGE } from './snippets.ts'

const START = '<!-- matrix: written by npm run connect -- --write -->'
const END = '<!-- /matrix -->'
const HEAD = ['client', 'from', 'tested', '`/mcp`', '`/sse`']

/** The cells of a client that ran. */
export function rowOf(client: PageClient, worked: Set<Endpoint>): string[] {
  const cell = (endpoint: Endpoint) => (worked.has(endpoint) ? 'list, call' : '–')
  return [client.title, client.from, versionOf(client), cell('/mcp'), cell('/sse')]
}

/** The rows of the page, without the head. */
export function rowsOfPage(): string[][] {
  const { lines } = readPage(PAGE)
  return lines
    .slice(lines.indexOf(START), lines.indexOf(END))
    .filter(line => line.startsWith('|'))
    .slice(2)
    .map(line => line.split('|').slice(1, -1))
    .map(cells => cells.map(cell => cell.trim()))
}

export function writeRows(rows: string[][]): void {
  const widths = HEAD.map((head, index) =>
    Math.max(...[HEAD, ...rows].map(row => row[index]?.length ?? head.length)),
  )
  const line = (row: string[]) =>
    `| ${row.map((cell, index) => cell.padEnd(widths[index] ?? 0)).join(' | ')} |`
  const table = [line(HEAD), line(widths.map(width => '-'.repeat(width))), ...rows.map(line)]
  const text = readFileSync(`${root}${PAGE}`, 'utf8')
  const [before = '', rest = ''] = text.split(START)
  const [, after = ''] = rest.split(END)
  writeFileSync(`${root}${PAGE}`, `${before}${START}\n\n${table.join('\n')}\n\n${END}${after}`)
}

/** The version that a file pins: `name==1.2.3`, `name@1.2.3`, `name v1.2.3` or `"name": "1.2.3"`. */
function versionOf({ pinned: [file, name] = ['', ''] }: PageClient): string {
  if (!file) return '–'
  const text = readFileSync(`${root}${file}`, 'utf8')
  const escaped = name.replace(/[.[\]]/g, '\\$&')
  const pattern = new RegExp(`(?<![\\w/-])${escaped}"?(==|@| v|: "| = {.*"=)(\\d[\\d.]*)`)
  const [, , version] = pattern.exec(text) ?? []
  if (!version) throw new Error(`${file} does not pin ${name}`)
  return version
}
