import { execFile } from 'node:child_process'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

import { expect, onTestFinished, test } from 'vitest'

import { functionArn, startGateway } from '../support/gateway.ts'

// "npm run python-host" runs this file with a Python that has the MCP SDK.
const PYTHON = process.env['PYTHON_HOST'] ?? ''
const path = (name: string) => fileURLToPath(new URL(name, import.meta.url))

test('the Python SDK calls tools and is asked over stdio, through the bridge', async () => {
  const gateway = await startGateway()
  onTestFinished(() => gateway.close())
  const tool = { type: 'tool', inputSchema: { type: 'object' } } as const
  await gateway.admin.registerTool({ ...tool, name: 'echo', lambdaArn: functionArn('echo') })
  await gateway.admin.registerTool({
    ...tool,
    name: 'authoredtool',
    lambdaArn: functionArn('authoredtool'),
    contract: 'mcp',
  })
  const command = [process.execPath, path('../../packages/client/dist/bridge/connect.js')]
  const { stdout } = await promisify(execFile)(
    PYTHON,
    [path('stdio_client.py'), join(tmpdir(), `asked-${process.pid}`), ...command],
    { env: { PATH: process.env['PATH'], HOME: tmpdir(), MCP_URL: gateway.mcpUrl } },
  )
  expect(JSON.parse(stdout)).toEqual({
    version: '2025-11-25',
    tools: ['authoredtool', 'echo'],
    called: expect.stringContaining('hé'),
    asked: 'accept',
  })
})
