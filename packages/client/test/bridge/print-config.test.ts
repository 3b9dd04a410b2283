import { execFileSync } from 'node:child_process'
import { resolve } from 'node:path'

import { expect, test } from 'vitest'

import { hostConfigs } from '../../src/bridge/host-configs.ts'
import { COMMAND } from '../support/host.ts'

const url = 'https://x.lambda-url.eu-west-1.on.aws/'
const print = (...args: string[]) =>
  execFileSync(process.execPath, [COMMAND, '--print-config', ...args], {
    encoding: 'utf8',
    env: { PATH: process.env['PATH'] },
    stdio: ['ignore', 'pipe', 'ignore'],
  })

test('prints what to paste for Claude Desktop on Windows, where only cmd starts npx', () => {
  const text = print('claude', url, '--os', 'windows', '--profile', 'team', '--name', 'tools')
  expect(JSON.parse(text)).toEqual({
    mcpServers: {
      tools: {
        command: 'cmd',
        args: ['/c', 'npx', '-y', '@markvp/mcp-lambda-sam-client', url],
        env: { AWS_PROFILE: 'team' },
      },
    },
  })
})

test('prints what to paste for VS Code on macOS', () => {
  expect(JSON.parse(print('vscode', url, '--os', 'macos'))).toEqual({
    servers: {
      gateway: {
        type: 'stdio',
        command: 'npx',
        args: ['-y', '@markvp/mcp-lambda-sam-client', url],
        env: {},
      },
    },
  })
})

test('prints the options of the bridge too', () => {
  const options = ['--transport', 'sse', '--timeout', '2.5', '--log-level', 'debug']
  const { gateway } = JSON.parse(
    print('claude', url, ...options, '--log-file', 'mcp.log', '--header', 'A: b'),
  ).mcpServers
  const added = [...options, '--log-file', resolve('mcp.log'), '--header', 'A: b']
  expect(gateway.args.slice(-added.length)).toEqual(added)
})

test('hostConfigs has what is printed for each application', () => {
  const names = ['claude', 'claude-code', 'cursor', 'vscode', 'windsurf', 'inspector']
  const printed = names.map(name => print(name, 'http://127.0.0.1:9000/').trim())
  expect(hostConfigs('http://127.0.0.1:9000/').map(({ text }) => text)).toEqual(printed)
})
