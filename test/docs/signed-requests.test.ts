import { writeFile } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import ts from 'typescript'
import { afterAll, beforeAll, expect, test } from 'vitest'

import {
  agentMonday,
  type Credentials,
  functionArn,
  type Gateway,
  startGateway,
} from '../support/gateway.ts'
import { awscurl, curlProblem } from './awscurl.ts'
import { type Block, pages } from './markdown.ts'
import { start } from './process.ts'
import { newFolder } from './typescript.ts'

const blocks = pages().flatMap(({ blocks }) => blocks)
const python = awscurl()
const curl = curlProblem()
for (const reason of [python.reason, curl])
  if (reason) console.warn(`Skips the requests of the pages: ${reason}`)

let gateway: Gateway
beforeAll(async () => {
  gateway = await startGateway()
  await gateway.admin.registerResource({
    name: 'note',
    lambdaArn: functionArn('notes'),
    uriTemplate: 'notes://{id}',
  })
})
afterAll(() => gateway?.close())

test('a test sends every request that the pages show', () => {
  const shown = blocks.filter(({ comment }) => comment === 'gateway')
  const sent = REQUESTS.flatMap(([command, part]) => shellBlocks(command, part))
  expect(new Set(sent.map(({ place }) => place))).toEqual(new Set(shown.map(({ place }) => place)))
})

/** The program, a part of the block that no other request has, and what the response shows. */
const REQUESTS = [
  ['awscurl', '$MCP_URL/mcp', /"protocolVersion":\s*"2025-11-25"/],
  ['curl', '$MCP_URL/sse', /event: endpoint\ndata: \/message\?sessionId=/],
  ['awscurl', '$MCP_URL/message', /Accepted/],
  ['awscurl', '"type": "tool"', /"id":\s*"tool-weather"/],
  ['awscurl', '/repair', /"status":/],
  ['awscurl', '/updated', /"uri":\s*"notes:\/\/7"/],
] as const

test.skipIf(python.reason)('awscurl sends one request to /mcp and prints the response', () =>
  sendOnce('$MCP_URL/mcp'),
)

test.skipIf(python.reason)('awscurl registers, repairs and announces', async () => {
  await sendOnce('"type": "tool"')
  await sendOnce('/repair')
  await sendOnce('/updated')
  await gateway.admin.remove('tool-weather')
})

test.skipIf(curl)('curl shows the events of a stream while it is open', async () => {
  for (const block of shellBlocks('curl', '$MCP_URL/sse')) {
    const temporary = send(block)
    await temporary.shows(/^data: .*sessionId=.+$/m)
    const longTerm = send(withoutToken(block), '', { ...gateway.credentials, sessionToken: '' })
    await longTerm.shows(/^data: .*sessionId=.+$/m)
  }
})

test.skipIf(curl ?? python.reason)(
  'awscurl posts a message whose result arrives on the stream of curl',
  async () => {
    const [open] = shellBlocks('curl', '$MCP_URL/sse')
    const [post] = shellBlocks('awscurl', '$MCP_URL/message')
    if (!open || !post) throw new Error('The pages do not show both requests')
    const stream = send(open)
    await stream.shows(/^data: .*sessionId=.+$/m)
    const [, sessionId = ''] = /sessionId=(\S+)/.exec(stream.output()) ?? []
    const message = send(post, sessionId)
    expect(await message.end(), message.output()).toBe(0)
    expect(message.output()).toContain('Accepted')
    await stream.shows('"protocolVersion":"2024-11-05"')
  },
)

test('the examples of the README register a tool and call it', async () => {
  const registers = await runExample('registerTool', 'process.exit()')
  expect(await registers.end(), registers.output()).toBe(0)
  const calls = await runExample('callTool', 'console.log(JSON.stringify(result)); process.exit()')
  expect(await calls.end(), calls.output()).toBe(0)
  expect(JSON.parse(calls.output())).toMatchObject({ content: [{ type: 'text' }] })
})

test('the EventSource example of the README gets the response to its ping', async () => {
  const example = await runExample('EventSource', '')
  await example.shows(/\{.*result: \{\}.*\}/)
})

/** The blocks of a program; the comments below a command show its output. */
function shellBlocks(program: string, part: string): Block[] {
  return blocks.filter(
    ({ comment, code }) =>
      comment === 'gateway' && code.startsWith(`${program} `) && code.includes(part),
  )
}

/** As the page says for the keys of an IAM user: without the line of the session token. */
function withoutToken(block: Block): Block {
  const code = block.code.replace(/ \\\n.*x-amz-security-token.*/, '')
  expect(code).not.toBe(block.code)
  return { ...block, code }
}

async function sendOnce(part: string): Promise<void> {
  const [, , expected] = REQUESTS.find(request => request[1] === part) ?? []
  for (const block of shellBlocks('awscurl', part)) {
    const command = send(block)
    expect(await command.end(), `${block.place}: ${command.output()}`).toBe(0)
    expect(command.output(), block.place).toMatch(expected ?? '')
  }
}

/**
 * Runs a block as it stands, but for the region, the session id and the account of the function.
 */
function send({ code }: Block, sessionId = '', credentials: Required<Credentials> = agentMonday) {
  const command = code
    .replaceAll('eu-central-1', gateway.region)
    .replaceAll('123456789012', '000000000000')
    .replaceAll('kq7…', sessionId)
  return start(['sh', '-c', `exec ${command}`], {
    env: {
      MCP_URL: gateway.mcpUrl.replace(/\/$/, ''),
      REGISTRATION_URL: gateway.registrationUrl.replace(/\/$/, ''),
      AWS_ACCESS_KEY_ID: credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
      AWS_SESSION_TOKEN: credentials.sessionToken,
      PATH: [python.bin, process.env['PATH']].filter(Boolean).join(delimiter),
    },
  })
}

/** Starts the TypeScript block of the README that has `part`, against the gateway of this test. */
async function runExample(part: string, last: string) {
  const block = blocks.find(
    ({ place, language, code }) =>
      place.startsWith('README.md:') && language === 'ts' && code.includes(part),
  )
  if (!block) throw new Error(`The README has no block with ${part}`)
  const code = block.code
    .replace(/'https:\/\/abcdefgh[^']*'/, `'${gateway.registrationUrl}'`)
    .replace(/'https:\/\/ijklmnop[^']*'/, `'${gateway.mcpUrl}'`)
    .replace(/'arn:aws:lambda:[^']*'/, `'${functionArn('echo')}'`)
  const { outputText } = ts.transpileModule(`${code}${last}\n`, {
    compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext },
  })
  const folder = await newFolder('example')
  const file = join(folder, 'example.mjs')
  await writeFile(file, outputText)
  const { accessKeyId, secretAccessKey } = gateway.credentials
  return start([process.execPath, file], {
    env: {
      AWS_REGION: gateway.region,
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: secretAccessKey,
      AWS_SESSION_TOKEN: '',
    },
  })
}
