import { PassThrough } from 'node:stream'
import { expect, test } from 'vitest'

import { formatLogEntry } from '../../src/local/log.ts'
import { readLogLines } from '../../src/local/log-lines.ts'
import { startFixture, until } from './fixture.ts'
import { get } from './signed-request.ts'

const ID = 'd5f1c1a0-0000-4000-8000-000000000000'

/** A line of a function with JSON logs, formatted. */
const formatJson = (level: string, message: unknown, requestId = ID) =>
  formatLogEntry({
    level: 'info',
    functionName: 'mcp',
    message: JSON.stringify({ timestamp: '2026-11-26T00:00:00.000Z', level, requestId, message }),
  })

test('writes the function, the level and the message of a text', () => {
  expect(formatLogEntry({ level: 'info', message: 'ready' })).toBe('gateway | ready\n')
  expect(formatLogEntry({ level: 'warn', functionName: 'mcp', message: 'slow' })).toBe(
    'mcp WARN | slow\n',
  )
})

test('writes the lines of an entry of the text format one below the other', () => {
  expect(formatLogEntry({ level: 'info', functionName: 'tool', message: 'one\rtwo' })).toBe(
    'tool | one\ntool | two\n',
  )
  const error = JSON.stringify({ errorType: 'Error', stack: ['Error: broken', '    at run (a:1)'] })
  expect(
    formatLogEntry({
      level: 'info',
      functionName: 'tool',
      message: `time\tid\tERROR\tInvoke Error \t${error}`,
    }),
  ).toBe('tool | time\tid\tERROR\tInvoke Error\ntool | Error: broken\ntool |     at run (a:1)\n')
})

test('writes the fields of an object entry as name=value, and the level of the function', () => {
  expect(formatJson('WARN', { message: 'table is slow', requestId: ID, ms: 1200, id: 'a b' })).toBe(
    `mcp WARN | table is slow requestId=${ID} ms=1200 id="a b"\n`,
  )
  expect(formatJson('INFO', { message: 'deep', it: { a: [1] } }, '-')).toBe(
    'mcp | deep it={"a":[1]}\n',
  )
  expect(formatJson('INFO', 'a text')).toBe(`mcp | a text requestId=${ID}\n`)
})

test('writes the fields of an entry that is one line of JSON, such as that of a call', () => {
  const entry = { timestamp: '2026-11-26T00:00:00.000Z', level: 'INFO', requestId: ID }
  const message = JSON.stringify({ ...entry, message: 'call', item: 'tool-a', ownMs: 1.5 })
  expect(formatLogEntry({ level: 'info', functionName: 'mcp', message })).toBe(
    `mcp | call requestId=${ID} item=tool-a ownMs=1.5\n`,
  )
})

test('writes no control characters that a client may have chosen', () => {
  const entry = { message: 'no tool \u001b[2J', tool: '\u009b2J', other: 'a b\u009b' }
  expect(formatJson('WARN', entry, '-')).toBe('mcp WARN | no tool  [2J tool= 2J other="a b "\n')
})

test('leaves the colours of a text, and no control character of eight bits', () => {
  expect(formatLogEntry({ level: 'warn', message: '\u001b[31mred\u009b2J' })).toBe(
    'gateway WARN | \u001b[31mred 2J\n',
  )
})

test('reads lines across chunks, and cuts one that is very long', () => {
  const stream = new PassThrough()
  const lines: string[] = []
  readLogLines(stream, line => lines.push(line))
  const emit = (text: string) => stream.emit('data', Buffer.from(text))
  emit('on')
  emit('e\ntwo\n\nfo')
  emit('ur\n')
  expect(lines.splice(0)).toEqual(['one', 'two', '', 'four'])
  const piece = 'x'.repeat(64 * 1024)
  for (let count = 0; count < 320; count++) emit(piece)
  emit('\n')
  expect(lines.map(it => it.length)).toEqual([...Array(20).fill(1024 * 1024), 0])
})

test('writes the stack of an error and of its cause on lines of their own', () => {
  const cause = { name: 'RangeError', message: 'too far', stack: 'RangeError: too far\n    at b:2' }
  const error = { name: 'TypeError', message: 'x is y', stack: 'TypeError: x is y\n    at a:1' }
  expect(formatJson('ERROR', { message: 'request failed', error: { ...error, cause } }, '-')).toBe(
    [
      'mcp ERROR | request failed error="TypeError: x is y"',
      'mcp ERROR |     at a:1',
      'mcp ERROR | caused by RangeError: too far',
      'mcp ERROR |     at b:2',
      '',
    ].join('\n'),
  )
})

test('writes an error that was logged alone', () => {
  const error = {
    errorType: 'TypeError',
    errorMessage: 'broken',
    stackTrace: ['TypeError', '  at a:1'],
  }
  expect(formatJson('ERROR', { ...error, code: 'E_BROKEN' }, '-')).toBe(
    'mcp ERROR | TypeError: broken code=E_BROKEN\nmcp ERROR |   at a:1\n',
  )
})

test.each(['{"timestamp":', '{"timestamp":1}', '{"a":1}', '[]'])(
  'writes a line that is not an entry of the runtime as it is: %s',
  message => {
    expect(formatLogEntry({ level: 'info', message })).toBe(`gateway | ${message}\n`)
  },
)

test('an object that a function logs with LogFormat JSON arrives with its fields', async () => {
  const local = await startFixture(
    {},
    { registration: { logging: { format: 'JSON', level: 'WARN' } } },
  )
  await get(local.registrationUrl, '/log-object')
  await until(() => local.logged('with an error'))
  const lines = local.logs.filter(it => it.functionName === 'own-buffered')
  const [failed, warning, ...more] = lines.map(it => JSON.parse(it.message))
  expect(failed).toEqual({
    timestamp: expect.any(String),
    level: 'ERROR',
    requestId: lines[0]?.requestId,
    message: { message: 'request failed', requestId: 'of the URL', nested: { a: [1] } },
  })
  expect(warning).toMatchObject({
    level: 'WARN',
    message: {
      message: 'with an error',
      error: { errorType: 'TypeError', errorMessage: 'broken', code: 'E_BROKEN' },
    },
  })
  expect(more, 'entries below the level are dropped').toEqual([])
})
