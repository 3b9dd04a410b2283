import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'

import { awscurl, curlProblem } from '../docs/awscurl.ts'
import { readPage } from '../docs/markdown.ts'
import { type Gateway, startGateway } from '../support/gateway.ts'
import { CLIENTS, type Runner } from './connect/clients.ts'
import { rowOf, rowsOfPage, writeRows } from './connect/matrix.ts'
import { runnerOf, type Tools } from './connect/programs.ts'
import { blockOf, type Endpoint, PAGE, snippetOf } from './connect/snippets.ts'

// "npm run connect" runs this file with the tools that it could get.
const { tools: found = {}, write }: { tools?: Tools; write?: boolean } = JSON.parse(
  process.env['CONNECT'] ?? '{}',
)
const { bin, reason } = awscurl()
for (const [name, problem] of Object.entries({ awscurl: reason, curl: curlProblem() }))
  if (problem) process.stderr.write(`SKIPPED ${name}: ${problem}\n`)
const tools: Tools = {
  ...found,
  ...(bin && { awscurl: bin }),
  ...(!curlProblem() && { curl: 'curl' }),
  node: process.execPath,
  printed: process.execPath,
  ...(found.frameworks && { configured: found.frameworks }),
}
const can = (needs: Runner) => tools[needs] !== undefined

let gateway: Gateway
beforeAll(async () => {
  gateway = await startGateway({
    functions: fileURLToPath(new URL('../../examples/functions', import.meta.url)),
    register: true,
  })
})
afterAll(() => gateway?.close())

const rows = new Map<string, string[]>()

for (const client of CLIENTS)
  test.skipIf(!can(client.needs))(
    `${client.title} lists tools and calls one, as the page says`,
    async () => {
      const worked = new Set<Endpoint>()
      const endpoints: Endpoint[] = client.sse ? ['/mcp', '/sse'] : ['/mcp']
      for (const endpoint of endpoints) {
        const run = runnerOf(tools, gateway)[client.needs]
        const before = gateway.invocations.length
        const output = await run(snippetOf(client, endpoint, gateway))
        const paths = gateway.invocations.slice(before).map(({ path }) => path)
        expect(paths, `${client.title} uses ${endpoint}`).toContain(endpoint)
        expect(output, endpoint).toContain('statistics')
        // Printed as JSON, inside of a JSON string, or as a map.
        expect(output, endpoint).toMatch(/count\W+25\b[\s\S]*largest\W+97\b/)
        worked.add(endpoint)
      }
      rows.set(client.title, rowOf(client, worked))
    },
    300_000,
  )

test('a client runs each block of the page', () => {
  const marked = readPage(PAGE).blocks.flatMap(({ comment = '' }) =>
    comment.startsWith('connect: ') ? [comment.slice('connect: '.length)] : [],
  )
  const run = CLIENTS.map(({ block }) => block)
  expect(new Set(marked)).toEqual(new Set([...run, 'sigv4.py', 'sigv4.go']))
  const [, ...lines] = blockOf('sigv4.py').trimEnd().split('\n') // without the name of the file
  expect(lines.length).toBeLessThanOrEqual(30)
})

test('the table of the page is what ran', () => {
  const onPage = new Map(rowsOfPage().map(row => [row[0], row]))
  const all = CLIENTS.flatMap(({ title }) => {
    const row = rows.get(title) ?? onPage.get(title)
    return row ? [row] : []
  })
  if (write) writeRows(all)
  expect(rowsOfPage(), 'write it with: npm run connect -- --write').toEqual(all)
})
