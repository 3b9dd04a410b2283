import { afterEach, expect, test, vi } from 'vitest'

import { mcpJsonOf, readMcpJson } from '../../src/http/json-body.ts'

afterEach(() => void vi.restoreAllMocks())

test('a body with millions of levels is refused before it is parsed, which takes seconds', async () => {
  const parse = vi.spyOn(JSON, 'parse')
  const text = '['.repeat(2_000_000)
  const refused = { code: 'bad_request', message: expect.stringContaining('200 levels') }
  expect(() => mcpJsonOf('application/json', text)).toThrow(expect.objectContaining(refused))
  const headers = { 'content-type': 'application/json' }
  const request = new Request('http://localhost/', { method: 'POST', headers, body: text })
  await expect(readMcpJson(request)).rejects.toMatchObject(refused)
  expect(parse).not.toHaveBeenCalledWith(text)
})
