import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

import { expect, test } from 'vitest'

import { createParamHeaders } from '../../src/bridge/param-headers.ts'
import { createLineReader, type Line } from '../../src/bridge/stdio/lines.ts'
import { createSendQueue } from '../../src/bridge/stdio/send-queue.ts'
import {
  elementTexts,
  keepText,
  receivedText,
  sendAs,
  textToSend,
  withId,
} from '../../src/message-text.ts'

test('splits a batch into the texts of its messages', () => {
  const texts = ['{"a":"],[\\"\\\\"}', '[1,[2.0]]', '1e999', '"x,y"', '{}']
  expect(elementTexts(` [ ${texts.join(' ,\n')} ] `)).toEqual(texts)
  expect(elementTexts('[]')).toEqual([])
})

test('a message with another id keeps the rest of its text', () => {
  const text = (id: string) => ` { "params" : {"id":1,"n":1.0e2, "s":"\\"}"} ,\n"id":${id} }`
  const message = JSON.parse(text('1'))
  sendAs(message, text('1'))
  keepText(message, '{"i\\u0064":1,"result":98765432109876543210.0}')
  const copy = withId(message, 'a"b')
  expect(copy).toEqual({ ...message, id: 'a"b' })
  expect(textToSend(copy)).toBe('{"params" : {"id":1,"n":1.0e2, "s":"\\"}"},"id":"a\\"b"}')
  expect(receivedText(copy)).toBe('{"id":"a\\"b","result":98765432109876543210.0}')
  expect(textToSend(withId({ id: 1 }, 2))).toBe('{"id":2}')
})

test('leaves out a line that is longer than the limit, and reads the next one', () => {
  const lines: Line[] = []
  const push = createLineReader(line => void lines.push(line), 4)
  for (const part of ['123', '45', '67\nab', 'c\r\n\n', 'abcd\nrest']) push(Buffer.from(part))
  expect(lines.map(it => ('bytes' in it ? it.bytes.toString() : 'too long'))).toEqual([
    'too long',
    'abc',
    'abcd',
  ])
})

test('repeats arguments as headers where the schema of the tool asks for it', () => {
  const headers = createParamHeaders()
  const inputSchema = {
    properties: {
      region: { type: 'string', 'x-mcp-header': 'Region' },
      at: { properties: { zone: { type: 'integer', 'x-mcp-header': 'Zone' } } },
      none: { type: 'string', 'x-mcp-header': 'None' },
    },
  }
  headers.learn({ tools: [{ name: 't', inputSchema }] })
  const call = (name: unknown) => {
    const params = { name, arguments: { region: 'ü', at: { zone: 7 }, none: null } }
    return headers.headersOf({ jsonrpc: '2.0', method: 'tools/call', params })
  }
  expect(call('t')).toEqual({ 'Mcp-Param-Region': '=?base64?w7w=?=', 'Mcp-Param-Zone': '7' })
  expect(call('other')).toEqual({})
  expect(call({ toString: 1 })).toEqual({})
})

test('learns the tools of a list with a schema that is nested very deeply', () => {
  const headers = createParamHeaders()
  const deep = JSON.parse(`${'{"properties":{"a":'.repeat(20_000)}1${'}}'.repeat(20_000)}`)
  expect(() => headers.learn({ tools: [{ name: 't', inputSchema: deep }] })).not.toThrow()
})

test('the send queue keeps no message that it has sent', async () => {
  const queue = createSendQueue(
    () => false,
    () => {},
  )
  const push = (message: object) => {
    queue.push('', () => void JSON.stringify(message))
    return new WeakRef(message)
  }
  const sent = push({})
  await new Promise(setImmediate) // a WeakRef holds its target until the turn is over
  setFlagsFromString('--expose-gc')
  runInNewContext('gc')()
  expect(sent.deref()).toBeUndefined()
})
