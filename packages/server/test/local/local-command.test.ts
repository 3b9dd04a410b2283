import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { describe, expect, onTestFinished, test } from 'vitest'

import { DEVELOPER } from '../../src/local/principals.ts'
import { FUNCTIONS, temporaryFolder, until } from './fixture.ts'
import { open, send, sign } from './signed-request.ts'

// The installed command. It needs a build.
const BIN = fileURLToPath(new URL('../../bin/mcp-lambda-sam.js', import.meta.url))
const FREE = ['--port', '0', '--registration-port', '0']

function start(...args: string[]) {
  const child = spawn(process.execPath, [BIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  const output = { stdout: '', stderr: '' }
  child.stdout.on('data', chunk => {
    output.stdout += chunk
  })
  child.stderr.on('data', chunk => {
    output.stderr += chunk
  })
  const ended = once(child, 'close').then(([code]) => ({ code, ...output }))
  return { child, output, ended }
}

const run = (...args: string[]) => start(...args).ended

/** Runs with `--json`. Resolves when the gateway listens. */
async function startGateway(...args: string[]) {
  const command = start('local', '--json', ...FREE, ...args)
  await until(() => command.output.stdout.includes('\n'))
  return { ...command, urls: JSON.parse(command.output.stdout) }
}

test('prints help and the version', async () => {
  expect(await run('--help')).toMatchObject({ code: 0, stdout: expect.stringContaining('local') })
  expect(await run()).toMatchObject({ code: 0, stdout: expect.stringContaining('local') })
  expect(await run('local', '--help')).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(
      /--functions[\s\S]*--template[\s\S]*--port.*9000[\s\S]*--registration-port.*9001[\s\S]*--data[\s\S]*--json/,
    ),
  })
  expect(await run('--version')).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^\d+\.\d+\.\d+/),
  })
})

test.each([
  [['loca'], /^Unknown command loca\. Did you mean "local"\? Known: deploy, .*local, /],
  [['--prot'], /^Unknown option --prot\. Known: deploy, /],
  [['local', '--prot', '1'], /'--prot'.*"mcp-lambda-sam local --help"/],
  [['local', 'folder'], /'folder'.*"mcp-lambda-sam local --help"/],
  [['local', '--port'], /--port.*"mcp-lambda-sam local --help"/],
  [['local', '--port', '65536'], /^--port takes a port number .*not "65536"/],
  [['local', '--registration-port', 'x'], /^--registration-port takes a port number .*not "x"/],
  [
    ['local', '--functions', '/no/such/folder'],
    /^--functions takes a folder that exists, not "\/no\/such\/folder"/,
  ],
])('refuses %j and prints what is valid', async (args, message) => {
  expect(await run(...args)).toMatchObject({
    code: 2,
    stdout: '',
    stderr: expect.stringMatching(message),
  })
})

describe('the command local', () => {
  test('with --json prints one line on stdout, and everything else on stderr', async () => {
    const { child, output, ended, urls } = await startGateway(
      '--functions',
      FUNCTIONS,
      '--no-register',
    )
    expect(urls).toEqual({
      mcpUrl: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+\/$/),
      registrationUrl: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+\/$/),
      region: 'us-east-1',
      accessKeyId: DEVELOPER.accessKeyId,
      secretAccessKey: DEVELOPER.secretAccessKey,
      consoleUrl: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+\/#token=[\w-]{43}$/),
    })
    expect((await fetch(urls.consoleUrl)).status).toBe(200)
    expect(await send(urls.mcpUrl, { target: '/health' })).toMatchObject({ status: 403 })
    expect(
      await send(urls.registrationUrl, await sign(urls.registrationUrl, { target: '/register' })),
    ).toMatchObject({ status: 200 })
    child.kill('SIGINT')
    expect(await ended).toMatchObject({
      code: 130,
      stdout: output.stdout,
      stderr: expect.stringContaining('refused'),
    })
    expect(output.stdout.trim().split('\n')).toHaveLength(1)
  })

  test('without --json prints the endpoints and lines for the shell', async () => {
    const { child, output, ended } = start('local', ...FREE)
    await until(() => output.stdout.includes('Ctrl-C'))
    expect(output.stdout).toMatch(/^MCP endpoint +http:\/\/127\.0\.0\.1:\d+\/$/m)
    expect(output.stdout).toMatch(/^Registration endpoint +http:\/\/127\.0\.0\.1:\d+\/$/m)
    expect(output.stdout).toMatch(/^Console +http:\/\/127\.0\.0\.1:\d+\/#token=[\w-]+$/m)
    expect(output.stdout).toContain(`export AWS_ACCESS_KEY_ID=${DEVELOPER.accessKeyId}`)
    expect(output.stdout).toContain(`export AWS_SECRET_ACCESS_KEY=${DEVELOPER.secretAccessKey}`)
    child.kill('SIGTERM')
    expect(await ended).toMatchObject({ code: 143 })
  })

  test('ends on SIGINT although a stream is open', async () => {
    const { child, ended, urls } = await startGateway()
    const stream = await open(urls.mcpUrl, await sign(urls.mcpUrl, { target: '/sse' }))
    expect(stream.headers['content-type']).toBe('text/event-stream')
    const body = text(stream).catch(() => 'cut')
    child.kill('SIGINT')
    expect(await ended).toMatchObject({ code: 130 })
    await body
  })

  test.each(['--port', '--registration-port', '--console-port'])(
    'prints that a port is in use, and how to choose another: %s',
    async flag => {
      const holder = createServer().listen(0, '127.0.0.1')
      onTestFinished(() => void holder.close())
      await once(holder, 'listening')
      const { port } = holder.address() as { port: number }
      expect(await run('local', ...FREE, flag, String(port))).toMatchObject({
        code: 1,
        stdout: '',
        stderr: expect.stringMatching(
          `^Port ${port} is in use by another program\\.\nChoose another port with ${flag}\\.\n$`,
        ),
      })
    },
  )

  test('with --data keeps registrations in a folder, which only one gateway can use at a time', async () => {
    const folder = await temporaryFolder()
    const register = async (base: string, method: string, body = '') => {
      const headers = { 'content-type': 'application/json' }
      return send(base, await sign(base, { method, target: '/register', headers, body }))
    }
    const tool = {
      type: 'tool',
      name: 'kept',
      description: 'kept',
      lambdaArn: 'arn:aws:lambda:us-east-1:000000000000:function:kept',
    }

    const first = await startGateway('--data', folder)
    expect(await register(first.urls.registrationUrl, 'POST', JSON.stringify(tool))).toMatchObject({
      status: 201,
    })
    expect(await run('local', ...FREE, '--data', folder)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(`${folder} is in use`),
    })
    first.child.kill('SIGTERM')
    await first.ended

    const second = await startGateway('--data', folder)
    const { body } = await register(second.urls.registrationUrl, 'GET')
    expect(JSON.parse(body).items).toMatchObject([{ name: 'kept' }])
  })
})
