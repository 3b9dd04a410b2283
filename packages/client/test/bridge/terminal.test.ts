import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { stripVTControlCharacters } from 'node:util'

import { describe, expect, onTestFinished, test } from 'vitest'

import { readArguments } from '../../src/bridge/terminal/arguments.ts'
import { createAsker } from '../../src/bridge/terminal/elicitation.ts'
import { parseAnswer, shownChoices } from '../../src/bridge/terminal/elicitation-field.ts'
import { cut, printable, styleOf } from '../../src/bridge/terminal/style.ts'
import { startHost } from '../support/host.ts'
import { serveV1, serveV2 } from '../support/sdk.ts'
import {
  event,
  type Gateway,
  limitedGateway,
  type Message,
  serve,
  startGateway,
} from '../support/server.ts'

/** Runs a command to its end. */
async function run(args: string[], input?: string) {
  const host = startHost(args)
  host.child.stdin?.end(input)
  const code = await host.exit
  return { code, stdout: host.lines.join('\n'), stderr: host.stderr() }
}

async function respondWith(result: unknown): Promise<Gateway> {
  const gateway: Gateway = await startGateway({
    call: (message: Message) => gateway.reply(message.id, result),
  })
  return gateway
}

const sse = ['--transport', 'sse']

describe('list', () => {
  test('shows a table where the server speaks 2026-07-28', async () => {
    const { url, received } = await serveV2()
    const { code, stdout, stderr } = await run(['list', url])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(/^Tools \(5\)\n {2}echo\n {2}progress/)
    expect(received.map(it => it.headers['mcp-method'])).toEqual(['server/discover', 'tools/list'])
  })

  test('prints JSON with --json, from a server with sessions too', async () => {
    const { url, received } = await serveV1()
    const { code, stdout } = await run(['list', url, '--json'])
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({
      tools: [{ name: 'echo' }, {}, {}, {}, {}],
      prompts: [],
    })
    expect(received.at(-1)?.method).toBe('DELETE')
  })
})

test.each([
  ['list', '2025-11-25', ['list']],
  ['call, where the server wants a header', '2026-07-28', ['call', 't']],
])(
  '%s ends where the list of the server does not',
  async (_, version, [command = '', ...words]) => {
    const result = (method: string) =>
      method === 'server/discover'
        ? { supportedVersions: [version], capabilities: { tools: {} } }
        : { protocolVersion: version, capabilities: { tools: {} }, tools: [], nextCursor: 'again' }
    const { url } = await serve((request, response) => {
      const { id, method }: Message = JSON.parse(request.body.toString() || '{}')
      if (id === undefined) return response.writeHead(202).end()
      const outcome =
        method === 'tools/call'
          ? { error: { code: -32020, message: '' } }
          : { result: result(method) }
      response.writeHead(200, { 'content-type': 'application/json' })
      return response.end(JSON.stringify({ jsonrpc: '2.0', id, ...outcome }))
    })
    const { code, stderr } = await run([command, url, ...words])
    expect(stderr).toContain('tools/list has no end')
    expect(code).toBe(1)
  },
)

describe('call', () => {
  test('takes text, JSON and a whole object as arguments', async () => {
    const { url } = await serveV2()
    const { stdout } = await run(['call', url, 'echo', 'a=1', 'b:=2', '-'], '{"c":[3]}')
    expect(JSON.parse(stdout)).toEqual({ a: '1', b: 2, c: [3] })
  })

  test('ends with 3 where the tool reports an error, and with 1 where the server does', async () => {
    const gateway = await respondWith({ content: [{ type: 'text', text: 'no' }], isError: true })
    expect(await run(['call', gateway.url, 't', ...sse])).toMatchObject({ code: 3, stdout: 'no' })
    const unknown = await run(['prompt', gateway.url, 'p', '--json', ...sse])
    expect(unknown.code).toBe(1)
    const strange = await startGateway({
      call: ({ id }) => strange.write(event({ jsonrpc: '2.0', id, error: { message: { a: 1 } } })),
    })
    const { code, stderr } = await run(['call', strange.url, 't', ...sse])
    expect({ code, stderr }).toEqual({ code: 1, stderr: '{"message":{"a":1}} (-32603)\n' })
    expect(JSON.parse(unknown.stdout)).toMatchObject({ error: { code: -32601 } })
  })

  test('ends with 4 where the tool asks and there is no terminal', async () => {
    const { url } = await serveV1()
    const { code, stdout, stderr } = await run(['call', url, 'ask'])
    expect({ code, stdout }).toEqual({ code: 4, stdout: 'cancel' })
    expect(stderr).toContain('Sure?')
  })

  test('shows progress on stderr', async () => {
    const { url } = await serveV2()
    expect(await run(['call', url, 'progress'])).toMatchObject({ code: 0, stderr: '1\n' })
  })

  test('writes images to files and replaces none', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'mcp-lambda-sam-images-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    const image = { type: 'image', mimeType: 'image/png', data: btoa('pixels') }
    const other = { ...image, mimeType: 'constructor' }
    const gateway = await respondWith({ content: [image, image, other] })
    const { stdout } = await run(['call', gateway.url, '../chart', '--output', folder, ...sse])
    expect(readdirSync(folder)).toEqual(['chart-1.bin', 'chart-1.png', 'chart-2.png'])
    expect(readFileSync(join(folder, 'chart-1.png'), 'utf8')).toBe('pixels')
    expect(stdout).toContain('image/png, 6 bytes')
    const file = join(folder, 'chart-1.png')
    const failed = await run(['call', gateway.url, 't', '--output', file, ...sse])
    expect(failed.stderr).toContain('a file of it cannot be written: EEXIST')
    expect(failed.code).toBe(2)
  })

  test('says that it waits for a rate limit of the gateway, and gets the result', async () => {
    const { url } = await limitedGateway()
    const { code, stdout, stderr } = await run(['call', url, 'echo', 'a=1', ...sse])
    expect({ code, stdout }).toEqual({ code: 0, stdout: '{"a":"1"}' })
    expect(stderr).toMatch(/Waiting for 1 s: .* answered 429: Too many calls/)
  })
})

test.each([
  ['an unknown option', ['--nope', 'http://127.0.0.1'], "Unknown option '--nope'"],
  ['no URL', [], 'MCP_URL'],
  ['an option that belongs elsewhere', ['--output', 'x', 'http://127.0.0.1'], 'goes only with'],
  ['two uses', ['list', '--http', '0', 'http://127.0.0.1'], 'list and --http exclude each other'],
  ['an option of clients', ['--http', '--timeout', '1', 'http://127.0.0.1'], 'goes only with'],
  [
    'a token and none',
    ['--http', '--token', 'x', '--no-token', 'http://127.0.0.1'],
    '--token and --no-token exclude each other',
  ],
  ['a port that is none', ['--http=-1', 'http://127.0.0.1'], '--http takes a port number'],
  ['an unknown application', ['--print-config', 'constructor', 'http://127.0.0.1'], 'takes claude'],
  ['a URL that is not secure', ['list', 'http://example.com'], 'not https'],
  ['a wrong argument', ['call', 'http://127.0.0.1', 'echo', 'a'], 'Not understood: a'],
  ['wrong JSON', ['call', 'http://127.0.0.1', 'echo', 'a:=x'], 'Not JSON in a:='],
])('ends with 2 for %s', async (_, args, message) => {
  const { code, stderr } = await run(args)
  expect(stderr).toContain(message)
  expect(code).toBe(2)
})

test('reads __proto__ as a name like any other', () => {
  expect(JSON.stringify(readArguments(['__proto__:={"a":1}'], undefined))).toBe(
    '{"__proto__":{"a":1}}',
  )
})

test('refuses a number that would be rounded, and takes it as a string', () => {
  expect(() => readArguments(['id:=12345678901234567890'], undefined)).toThrow('more digits')
  expect(() => readArguments([], '{"a":[1e999]}')).toThrow('more digits')
  const fine = '{"a":"12345678901234567890","b":100000000000000000000,"c":-0.1e5}'
  expect(readArguments([], fine)).toEqual(JSON.parse(fine))
})

test('shows no character that controls the terminal', () => {
  expect(printable('a\x1b[2Jb\x9bc\r\nd\te\u202ef')).toBe('a\ufffd[2Jb\ufffdc\nd\te\ufffdf')
  expect(cut('😀😀😀', 2)).toBe('😀…')
  expect(printable({ toString: 1 })).toBe('{"toString":1}')
})

test('ends with 130 on SIGINT while it reads arguments from stdin', async () => {
  const host = startHost(['call', 'http://127.0.0.1:9', 't', '-'])
  host.write(' '.repeat(1024 * 1024)) // more than a pipe holds
  await expect.poll(() => host.child.stdin?.writableLength, { timeout: 30_000 }).toBe(0)
  host.child.kill('SIGINT')
  expect(await host.exit).toBe(130)
})

describe('a question of a tool', () => {
  const ask = async (typed: string[], properties: object = fields) => {
    const input = Object.assign(new PassThrough(), { isTTY: true })
    const output = Object.assign(new PassThrough(), { isTTY: true })
    let shown = ''
    output.on('data', data => {
      shown += data
      // Each prompt ends so; the next line is typed then.
      const end = stripVTControlCharacters(shown).slice(-2)
      if (end === ': ' || end === '] ') input.write(typed.shift() ?? '\x04')
    })
    const asker = createAsker({
      input: input as never,
      output: output as never,
      style: styleOf({}),
      onQuestion: () => {},
      onInterrupt: () => {},
    })
    const requestedSchema = { type: 'object', properties, required: ['name'] }
    const result = await asker.elicit({ message: 'Who?\x1b[2J', requestedSchema })
    return { result, shown, isUnanswered: asker.isUnanswered }
  }
  const fields = { name: { type: 'string' }, age: { type: 'integer' } }

  test('is answered field by field', async () => {
    const { result, shown } = await ask(['\n', 'Ada\n', 'x\n', '36\n', 'y\n'])
    expect(result).toEqual({ action: 'accept', content: { name: 'Ada', age: 36 } })
    expect(shown).toContain('An answer is needed')
    expect(shown).toContain('Give a number')
    expect(shown).not.toContain('\x1b[2J')
  })

  test('may have a field with any name', async () => {
    const { result } = await ask(['a\n', 'y\n'], JSON.parse('{"__proto__":{"type":"string"}}'))
    expect(JSON.stringify(result)).toBe('{"action":"accept","content":{"__proto__":"a"}}')
  })

  test('can be declined, and cancelled with Ctrl-D', async () => {
    expect((await ask(['Ada\n', '\n', 'n\n'])).result).toEqual({ action: 'decline' })
    expect(await ask(['Ada\n'])).toMatchObject({
      result: { action: 'cancel' },
      isUnanswered: true,
    })
  })
})

describe('an answer to a question', () => {
  test.each([
    ['yes', { type: 'boolean' }, { value: true }],
    ['4', { type: 'integer', maximum: 3 }, { problem: 'At most 3' }],
    ['1.5', { type: 'integer' }, { problem: 'Give a whole number' }],
    ['2', { type: 'string', enum: ['a', 'b'] }, { value: 'b' }],
    ['B', { type: 'string', oneOf: [{ const: 'b', title: 'B' }] }, { value: 'b' }],
    ['1, 2', { type: 'array', items: { enum: ['a', 'b'] } }, { value: ['a', 'b'] }],
    ['me', { type: 'string', format: 'email' }, { problem: 'Give an e-mail address' }],
    ['x', { type: 'string', format: 'constructor' }, { value: 'x' }],
    ['', { type: 'string', default: 'x' }, { value: 'x' }],
    ['', { type: 'string' }, { problem: 'An answer is needed' }],
  ])('%j is checked against %j', (text, field, expected) => {
    expect(parseAnswer(text, field, true)).toEqual(expected)
  })

  test('may be left out where it is optional, and choices have numbers', () => {
    expect(parseAnswer('', { type: 'string' }, false)).toEqual({ isOmitted: true })
    expect(shownChoices({ enum: ['a'], enumNames: ['A'] })).toEqual(['1  A'])
  })
})
