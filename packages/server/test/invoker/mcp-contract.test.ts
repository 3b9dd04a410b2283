import { describe, expect, test } from 'vitest'
import { linesOf, MAX_LINE_BYTES } from '../../src/invoker/contracts/lines.ts'
import { resultOf } from '../../src/invoker/contracts/mcp.ts'
import { FunctionFailure } from '../../src/invoker/failure.ts'

const line = (it: unknown) => `${JSON.stringify(it)}\n`
const progress = (progress: unknown) =>
  line({ method: 'notifications/progress', params: { progress } })
const result = (text: string) => line({ result: { content: [{ type: 'text', text }] } })

async function* pieces(...parts: (string | Uint8Array)[]) {
  for (const part of parts) yield typeof part === 'string' ? Buffer.from(part) : part
}

async function collect<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const all: Item[] = []
  for await (const item of items) all.push(item)
  return all
}

describe('lines', () => {
  test.each(['a\nü🎈\n\nb', 'a\nü🎈\n\nb\n', '\n', '', 'x'])(
    'are the same wherever the stream of %j is split',
    async text => {
      const bytes = Buffer.from(text)
      const whole = await collect(linesOf(pieces(bytes)))
      expect(whole).toEqual(
        text
          .replace(/\n$/, '')
          .split('\n')
          .slice(text ? 0 : 1),
      )
      for (let size = 1; size < bytes.length; size++) {
        const cut = Array.from({ length: Math.ceil(bytes.length / size) }, (_, n) =>
          bytes.subarray(n * size, (n + 1) * size),
        )
        expect(await collect(linesOf(pieces(...cut)))).toEqual(whole)
      }
    },
  )

  test('may be as long as the limit and no longer, with or without a line end', async () => {
    const half = Buffer.alloc(MAX_LINE_BYTES / 2, 'x')
    const [longest] = await collect(linesOf(pieces('a\n', half, half, '\nb'))).then(it =>
      it.slice(1),
    )
    expect(longest?.length).toBe(MAX_LINE_BYTES)
    await expect(collect(linesOf(pieces(half, half, 'x')))).rejects.toThrow(FunctionFailure)
  })

  test('that are not UTF-8 are refused', async () => {
    const reading = collect(linesOf(pieces(Uint8Array.of(0x22, 0xff, 0x22, 0x0a))))
    await expect(reading).rejects.toThrow(FunctionFailure)
  })

  test('are read one at a time', async () => {
    let read = 0
    async function* counted() {
      for (const part of ['1\n', '2\n', '3\n']) {
        read += 1
        yield Buffer.from(part)
      }
    }
    const lines = linesOf(counted())
    await lines.next()
    expect(read).toBe(1)
    await lines.return(undefined)
  })
})

const silent = { progress: async () => {}, log: async () => {} }
const tool = (...parts: (string | Uint8Array)[]) => resultOf('tools/call', pieces(...parts), silent)

describe('the output', () => {
  test('is notifications and a final line, each handled before the next is read', async () => {
    const events: string[] = []
    async function* body() {
      for (const n of [1, 2]) {
        events.push(`written ${n}`)
        yield Buffer.from(progress(n))
      }
      yield Buffer.from(result('done'))
    }
    const output = await resultOf('tools/call', body(), {
      ...silent,
      async progress(params) {
        events.push(`started ${params.progress}`)
        await new Promise(resolve => setImmediate(resolve))
        events.push(`handled ${params.progress}`)
      },
    })
    expect(output).toEqual({ content: [{ type: 'text', text: 'done' }] })
    expect(events).toEqual([1, 2].flatMap(n => [`written ${n}`, `started ${n}`, `handled ${n}`]))
  })

  test('may have other JSON-RPC members, empty lines and carriage returns', async () => {
    const final = JSON.stringify({ jsonrpc: '2.0', id: 1, result: { content: [] }, error: null })
    expect(await tool(`\r\n \n${final}\r\n\r\n`)).toEqual({ content: [] })
  })

  test('has its prelude removed, wherever that is split', async () => {
    const prelude = Buffer.from(`{"statusCode":200}${'\0'.repeat(8)}`)
    const whole = Buffer.concat([prelude, Buffer.from(result('x'))])
    for (let at = 0; at <= prelude.length; at++)
      expect(await tool(whole.subarray(0, at), whole.subarray(at))).not.toHaveProperty('isError')
    expect(await tool(prelude, '\n', result('x'))).not.toHaveProperty('isError')
    expect(await tool(result('x'), prelude)).toHaveProperty('isError')
  })

  test('that asks for input is the result', async () => {
    const inputRequests = { where: { method: 'roots/list' } }
    const asking = { resultType: 'input_required', inputRequests, requestState: 's' }
    expect(await tool(line({ result: asking }))).toEqual(asking)
    expect(
      await tool(line({ result: { resultType: 'input_required', requestState: 's' } })),
    ).toEqual({ resultType: 'input_required', requestState: 's' })
  })

  test.each<[string, string]>([
    ['', 'without a final line'],
    [progress(1), 'without a final line'],
    [`${result('1')}${result('2')}`, 'after its final line'],
    [`${result('1')}${progress(2)}`, 'after its final line'],
    [`${result('1')}garbage`, 'after its final line'],
    ['{"result":', 'not JSON'],
    ['[]', 'neither a notification'],
    ['null', 'neither a notification'],
    ['{}', 'neither a notification'],
    ['{"result":{},"error":{"code":1,"message":"x"}}', 'neither a notification'],
    ['{"result":{},"error":"x"}', 'neither a notification'],
    ['{"result":[]}', 'neither a notification'],
    ['{"error":{"message":"x"}}', 'without integer "code"'],
    [line({ method: 'ping' }), '"ping"'],
    [progress('much'), 'malformed ProgressNotificationParams: progress'],
    [line({ method: 'notifications/message', params: { level: 'loud', data: 1 } }), 'level'],
    [line({ method: 'notifications/message' }), 'malformed'],
    [line({ result: { content: 'x' } }), 'malformed CallToolResult: content'],
    [
      line({ errorType: 'TypeError', errorMessage: 'no disk', trace: ['at x.mjs:1'] }),
      'The function failed with TypeError: no disk',
    ],
    [
      `${progress(1)}${line({ errorType: 'Sandbox.Timedout', errorMessage: 'RequestId: 1-2 Error: Task timed out after 3.00 seconds' })}`,
      'The function timed out. Task timed out after 3.00 seconds',
    ],
  ])('that breaks the contract is a failed tool: %j', async (text, expected) => {
    const output = await tool(text)
    expect(output).toEqual({
      isError: true,
      content: [{ type: 'text', text: expect.stringContaining(expected) }],
    })
    expect(JSON.stringify(output)).not.toContain('.mjs')
    const reading = resultOf('resources/read', pieces(text), silent)
    await expect(reading).rejects.toMatchObject({ code: -32603 })
  })

  test.each([
    [{}, 'neither inputRequests nor a requestState'],
    [{ inputRequests: {} }, 'neither inputRequests nor a requestState'],
    [{ inputRequests: { it: { method: 'tools/list', params: {} } } }, 'input "it"'],
    [{ inputRequests: { it: { method: 'elicitation/create' } } }, 'input "it"'],
    [{ inputRequests: { it: null } }, 'input "it"'],
  ])('that asks for an invalid input is a failed tool: %j', async (asking, expected) => {
    const output = await tool(line({ result: { resultType: 'input_required', ...asking } }))
    expect(output).toMatchObject({
      isError: true,
      content: [{ text: expect.stringContaining(expected) }],
    })
  })

  test('for a completion cannot ask for input', async () => {
    const asking = { resultType: 'input_required', requestState: 's' }
    const completing = resultOf('completion/complete', pieces(line({ result: asking })), silent)
    await expect(completing).rejects.toMatchObject({ code: -32603 })
  })

  test('that is an error is thrown, with its data', async () => {
    const error = { code: -32042, message: 'look there', data: { url: 'x' } }
    await expect(tool(line({ error }))).rejects.toMatchObject(error)
  })

  test('of a function that Lambda reports as failed is a failed tool', async () => {
    async function* body() {
      yield Buffer.from(progress(1))
      throw new FunctionFailure('It broke')
    }
    expect(await resultOf('tools/call', body(), silent)).toMatchObject({
      isError: true,
      content: [{ text: 'It broke' }],
    })
  })
})
