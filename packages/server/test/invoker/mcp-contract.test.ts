import type { CallToolResult } from '@modelcontextprotocol/server'
import { describe, expect, test } from 'vitest'
import { linesOf, MAX_LINE_BYTES } from '../../src/invoker/contracts/lines.ts'
import { type NotificationHandlers, resultOf } from '../../src/invoker/contracts/mcp.ts'
import type { ToolOutput } from '../../src/invoker/contracts/structured-content.ts'
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

const silent: NotificationHandlers = { progress: async () => {}, log: async () => {} }
/** The result of a tool, without what the gateway adds to it. */
async function toolOf(body: AsyncIterable<Uint8Array>, handlers = silent) {
  const output = await resultOf('tools/call', body, handlers)
  return 'structuredText' in output ? output.result : output
}
const tool = (...parts: (string | Uint8Array)[]) => toolOf(pieces(...parts))

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
    const output = await toolOf(body(), {
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

  test.each([
    ['another final line', result('2')],
    ['a notification', progress(2)],
    ['garbage', 'garbage\n'],
    ['a prelude', `{"statusCode":200}${'\0'.repeat(8)}`],
  ])('counts when its final line is complete, whatever follows: %s', async (_, more) => {
    expect(await tool(result('1') + more)).toEqual({ content: [{ type: 'text', text: '1' }] })
    expect(await tool(result('1'), more)).toEqual({ content: [{ type: 'text', text: '1' }] })
  })

  test('counts before the function has ended, and the rest is not read', async () => {
    let closed = () => {}
    const closing = new Promise<void>(resolve => {
      closed = resolve
    })
    async function* body() {
      try {
        yield Buffer.from(result('1'))
        // A function that never ends, or whose end is a failure.
        await new Promise(() => {})
      } finally {
        closed()
      }
    }
    async function* failing() {
      try {
        yield Buffer.from(result('1'))
      } finally {
        // biome-ignore lint/correctness/noUnsafeFinally: the connection may break while it closes.
        throw new Error('closed badly')
      }
    }
    const expected = { content: [{ type: 'text', text: '1' }] }
    expect(await toolOf(body())).toEqual(expected)
    await closing
    expect(await toolOf(failing())).toEqual(expected)
  })

  test('has its prelude removed, wherever that is split', async () => {
    const prelude = Buffer.from(`{"statusCode":200}${'\0'.repeat(8)}`)
    const whole = Buffer.concat([prelude, Buffer.from(result('x'))])
    for (let at = 0; at <= prelude.length; at++)
      expect(await tool(whole.subarray(0, at), whole.subarray(at))).not.toHaveProperty('isError')
    expect(await tool(prelude, '\n', result('x'))).not.toHaveProperty('isError')
  })

  test('that asks for input is the result', async () => {
    const inputRequests = { where: { method: 'roots/list' } }
    const asking = { resultType: 'input_required', inputRequests, requestState: 's' }
    expect(await tool(line({ result: asking }))).toEqual(asking)
    expect(
      await tool(line({ result: { resultType: 'input_required', requestState: 's' } })),
    ).toEqual({ resultType: 'input_required', requestState: 's' })
  })

  const broken: [text: string, expected: string][] = [
    ['', 'without a final line'],
    [progress(1), 'without a final line'],
    [progress(1), 'timed out, was killed'],
    ['{"result":{"content":[', 'ended within a line'],
    ['{"result":{"content":[', 'timed out, was killed'],
    ['{"result":\n', 'The function wrote a line that is not JSON'],
    [`${'['.repeat(100_000)}${']'.repeat(100_000)}`, 'neither a notification'],
    [
      `{"result":{"content":[],"_meta":{"a":${'['.repeat(100_000)}${']'.repeat(100_000)}}}}`,
      'nested deeper than 200 levels',
    ],
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
    [
      line({ errorType: 'Runtime.OutOfMemory', errorMessage: 'RequestId: 1-2 Error: killed' }),
      'The function was killed, probably because it ran out of memory',
    ],
  ]

  test.each(broken.map(([text, expected]) => [text.slice(0, 80), text, expected] as const))(
    'that breaks the contract is a failed tool: %j',
    async (_, text, expected) => {
      const output = await tool(text)
      expect(output).toEqual({
        isError: true,
        content: [{ type: 'text', text: expect.stringContaining(expected) }],
      })
      expect(JSON.stringify(output)).not.toContain('.mjs')
      const reading = resultOf('resources/read', pieces(text), silent)
      await expect(reading).rejects.toMatchObject({ code: -32603 })
    },
  )

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
    expect(await toolOf(body())).toMatchObject({
      isError: true,
      content: [{ text: 'It broke' }],
    })
  })

  test('that is an error with long texts is cut at 8 KB, in linear time', async () => {
    for (const long of ['x'.repeat(5_000_000), 'x '.repeat(2_000_000), 'ü'.repeat(2_000_000)]) {
      const failures = [
        line({ errorType: 'Error', errorMessage: long }),
        line({ errorType: long, errorMessage: long }),
        line({ errorMessage: { deep: long } }),
        line({ method: long }),
        line({ result: { resultType: 'input_required', inputRequests: { [long]: 1 } } }),
      ]
      for (const failure of failures) {
        const { content } = (await tool(failure)) as { content: { text: string }[] }
        const bytes = Buffer.byteLength(content[0]?.text ?? '')
        expect(bytes).toBeLessThanOrEqual(8192)
        expect(content[0]?.text).not.toContain('\ufffd')
      }
    }
    const returned = 'x'.repeat(100_000)
    const error = { code: -32050, message: returned }
    await expect(tool(line({ error }))).rejects.toThrow(returned)
    expect(JSON.stringify(await tool(result(returned)))).toContain(returned)
  })
})

describe('a result', () => {
  const output = (json: string) => resultOf('tools/call', pieces(`{"result":${json}}`), silent)

  test('may have null in optional members', async () => {
    const block = { type: 'text', text: 'x', annotations: null, _meta: null }
    const result = { content: [block], structuredContent: null, isError: null, _meta: null }
    expect(await tool(line({ result }))).toEqual({ content: [{ type: 'text', text: 'x' }] })
    const completion = { values: ['a'], total: null, hasMore: null }
    const completing = pieces(line({ result: { completion } }))
    expect(await resultOf('completion/complete', completing, silent)).toEqual({
      completion: { values: ['a'] },
    })
    const contents = [{ uri: 'a:b', text: 'x', mimeType: null }]
    const reading = pieces(line({ result: { contents } }))
    expect(await resultOf('resources/read', reading, silent)).toEqual({
      contents: [{ uri: 'a:b', text: 'x' }],
    })
    const asking = { resultType: 'input_required', requestState: 's', inputRequests: null }
    expect(await tool(line({ result: asking }))).toEqual({
      resultType: 'input_required',
      requestState: 's',
    })
    expect(await tool(line({ method: null, result: { content: [] } }))).toEqual({ content: [] })
  })

  test('may ask for input with null in optional members', async () => {
    const nulls = { _meta: null, task: null, tools: null }
    const name = { type: 'string', title: null, default: null }
    const requestedSchema = { type: 'object', properties: { name }, required: null }
    const text = { type: 'text', text: 'x', annotations: null }
    const messages = [
      { role: 'user', content: text, _meta: null },
      { role: 'user', content: [text] },
    ]
    const asked = (inputRequests: object) =>
      tool(line({ result: { resultType: 'input_required', inputRequests } }))
    expect(
      await asked({
        form: { method: 'elicitation/create', params: { ...nulls, message: '?', requestedSchema } },
        word: { method: 'sampling/createMessage', params: { ...nulls, maxTokens: 1, messages } },
        roots: { method: 'roots/list', params: null },
      }),
    ).toEqual({
      resultType: 'input_required',
      inputRequests: {
        form: {
          method: 'elicitation/create',
          params: {
            message: '?',
            requestedSchema: { type: 'object', properties: { name: { type: 'string' } } },
          },
        },
        word: {
          method: 'sampling/createMessage',
          params: {
            maxTokens: 1,
            messages: [
              { role: 'user', content: { type: 'text', text: 'x' } },
              { role: 'user', content: [{ type: 'text', text: 'x' }] },
            ],
          },
        },
        roots: { method: 'roots/list' },
      },
    })
  })

  test('may follow notifications with null in optional members', async () => {
    const heard: unknown[] = []
    const hear = async (it: unknown) => void heard.push(it)
    const nulls = { _meta: null, logger: null, total: null, message: null }
    const lines = [
      line({ method: 'notifications/message', params: { ...nulls, level: 'info', data: null } }),
      line({ method: 'notifications/progress', params: { ...nulls, progress: 1 } }),
    ]
    const ended = pieces(...lines, result('x'))
    expect(await toolOf(ended, { progress: hear, log: hear })).not.toHaveProperty('isError')
    expect(heard).toEqual([{ level: 'info', data: null }, { progress: 1 }])
  })

  test('has the JSON of its structured content as it was written', async () => {
    const json = '{ "id": 9007199254740993 }'
    const it = await output(`{"structuredContent":${json},"_meta":{"n":9007199254740993}}`)
    if (!('structuredText' in it)) return expect.fail('asks for input')
    expect((it as ToolOutput).structuredText()).toBe(json)
    expect(it).toMatchObject({ result: { content: [], _meta: { n: '9007199254740993' } } })
  })

  test('of another type than "complete" is malformed', async () => {
    expect(await tool(line({ result: { content: [], resultType: 'task' } }))).toMatchObject({
      isError: true,
      content: [{ text: expect.stringContaining('resultType') }],
    })
  })

  test('with a million wrong entries is an error with few places', async () => {
    const content = Array.from({ length: 1_000_000 }, () => 0)
    const { content: blocks } = (await tool(line({ result: { content } }))) as CallToolResult
    expect(blocks).toEqual([{ type: 'text', text: expect.stringMatching(/content\.0: .{1,100}$/) }])
  })

  test('and notifications keep digits that JavaScript cannot hold', async () => {
    const logged: unknown[] = []
    const log =
      '{"method":"notifications/message","params":{"level":"info","data":{"id":9007199254740993}}}\n'
    const error = '{"error":{"code":1,"message":"m","data":[9007199254740993]}}'
    const handlers = { ...silent, log: async (it: unknown) => void logged.push(it) }
    const calling = resultOf('tools/call', pieces(log, error), handlers)
    await expect(calling).rejects.toMatchObject({ data: ['9007199254740993'] })
    expect(logged).toEqual([{ level: 'info', data: { id: '9007199254740993' } }])
  })
})
