import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { type Connected, connect, SDKS } from './support/clients.ts'
import { functionArn, type Gateway, startGateway } from './support/gateway.ts'

const BIG = '{ "id": 9007199254740993, "pi": 3.14159265358979323846, "one": 1.0 }'
const DEEP = '['.repeat(100_000) + ']'.repeat(100_000)

let gateway: Gateway
beforeAll(async () => {
  gateway = await startGateway()
  const { admin } = gateway
  const lambdaArn = functionArn('rawoutput')
  const parameters = { output: 'string' } as const
  const outputSchema = { type: 'object', properties: { id: { type: 'integer' } } }
  for (const contract of ['arguments', 'mcp'] as const) {
    const tool = { lambdaArn, contract, parameters }
    await admin.registerTool({ ...tool, name: contract })
    await admin.registerTool({ ...tool, name: `${contract}-typed`, outputSchema })
  }
})
afterAll(() => gateway?.close())

const text = (it: string) => [{ type: 'text', text: it }]

const clients = SDKS.flatMap(sdk =>
  (['/mcp over our transport', '/sse over our transport'] as const).map(
    over => [sdk, over] as const,
  ),
)

describe.each(clients)('a client of %s on %s', (sdk, over) => {
  let connected: Connected
  let isCurrent: boolean
  beforeAll(async () => {
    connected = await connect(gateway, sdk, over)
    // The client refuses results that its list of tools does not allow.
    await connected.client.listTools()
    isCurrent = connected.revision() === '2026-07-28'
  })
  afterAll(() => connected?.client.close())

  /** The members of the result that functions write. */
  async function call(name: string, output: string) {
    const result = await connected.client.callTool({ name, arguments: { output } })
    const { content, structuredContent, isError } = result
    return {
      content,
      ...(structuredContent !== undefined && { structuredContent }),
      ...(isError && { isError }),
    }
  }

  test('gets the text of a function byte for byte, and no structure that would be wrong', async () => {
    expect(await call('arguments', BIG)).toEqual({ content: text(BIG) })
    const result = `{"result":{"structuredContent":${BIG}}}`
    expect(await call('mcp', result)).toEqual({ content: text(BIG) })
  })

  test('gets an error with that text where the output schema demands a structure', async () => {
    for (const [name, output] of [
      ['arguments-typed', BIG],
      ['mcp-typed', `{"result":{"structuredContent":${BIG}}}`],
    ] as const)
      expect(await call(name, output)).toEqual({
        isError: true,
        content: [
          { type: 'text', text: expect.stringContaining('9007199254740993') },
          ...text(BIG),
        ],
      })
    const exact = '{"id":7.0}'
    const structuredContent = { id: 7 }
    expect(await call('arguments-typed', exact)).toEqual({
      content: text(exact),
      structuredContent,
    })
  })

  test('gets plain JSON that only looks like an MCP result', async () => {
    const structuredContent = { content: [{ id: 1 }], totalPages: 1 }
    const output = JSON.stringify(structuredContent)
    expect(await call('arguments', output)).toEqual({ content: text(output), structuredContent })
  })

  test('gets structured content that is no object where its protocol version has that', async () => {
    const output = '{"content":[{"type":"text","text":"two"}],"structuredContent":[1,2]}'
    for (const [name, json] of [
      ['arguments', output],
      ['mcp', `{"result":${output}}`],
    ] as const)
      expect(await call(name, json)).toEqual(
        isCurrent
          ? { content: text('two'), structuredContent: [1, 2] }
          : { content: [...text('two'), ...text('[1,2]')] },
      )
  })

  test('gets the result that a Python model dumps', async () => {
    const block = '{"type":"text","text":"x","annotations":null,"meta":null}'
    const output = `{"meta":null,"content":[${block}],"structuredContent":null,"isError":false}`
    expect(await call('arguments', output)).toEqual({ content: text('x') })
    expect(await call('mcp', `{"result":${output}}`)).toEqual({ content: text('x') })
  })

  test('gets an error for a result that is nested too deep, and goes on', async () => {
    for (const [name, output] of [
      ['arguments', DEEP],
      ['arguments', `{"content":[],"_meta":{"a":${DEEP}}}`],
      ['mcp', `{"result":{"structuredContent":{"a":${DEEP}}}}`],
    ] as const)
      expect(await call(name, output)).toEqual({
        isError: true,
        content: text(
          expect.stringContaining('nested deeper than 200 levels') as unknown as string,
        ),
      })
  })

  test('gets a long error message cut, at once', async () => {
    const failure = JSON.stringify({ errorType: 'Error', errorMessage: 'x'.repeat(1_000_000) })
    for (const [name, output] of [
      ['mcp', failure],
      ['arguments', 'throw'],
    ] as const) {
      const { content, isError } = await call(name, output)
      expect(isError).toBe(true)
      const [{ text } = { text: '' }] = content as { text: string }[]
      expect(text).toContain('Error: xxx')
      expect(Buffer.byteLength(text)).toBeLessThan(8193)
    }
  })
})
