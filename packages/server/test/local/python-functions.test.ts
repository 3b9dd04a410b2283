import { cp, mkdir, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'

import type { LocalOptions } from '../../src/local/start.ts'
import { allFrozen, temporaryFolder } from './fixture.ts'
import { startClient } from './lambda-client.ts'

// Needs Python: `npm run python-functions`. This one has boto3 and awslambdaric.
const PYTHON = process.env['FUNCTIONS_PYTHON'] ?? ''

async function startFolder(files: Record<string, string>, options: LocalOptions = {}) {
  const folder = await temporaryFolder()
  const write = async (name: string, text: string) => {
    await mkdir(join(folder, name, '..'), { recursive: true })
    await writeFile(join(folder, name), text)
  }
  for (const [name, text] of Object.entries(files)) await write(name, text)
  const local = await startClient({ functions: folder, ...options })
  return {
    ...local,
    folder,
    write,
    call: async (name: string, event: unknown) => (await local.invoke(name, event)).json(),
  }
}

const FUNCTION = `
import logging, os, sys, time
import decimal
calls = 0

def handler(event, context):
    global calls
    calls += 1
    case = event.get("case")
    print("case", case)
    if case == "error":
        raise ValueError("no\\nluck")
    if case == "own type":
        error = ValueError("own")
        error.error_type = 5
        raise error
    if case == "sleep":
        time.sleep(60)
    if case == "exit":
        sys.exit(3)
    if case == "set":
        return {1, 2}
    if case == "log":
        logging.getLogger().warning("careful")
    return {
        "calls": calls,
        "pid": os.getpid(),
        "number": decimal.Decimal("1.5"),
        "name": context.function_name,
        "left": context.get_remaining_time_in_millis() > 0,
        "id": len(context.aws_request_id),
        "arn": context.invoked_function_arn,
        "custom": context.client_context.custom if context.client_context else None,
        "tenant": getattr(context, "tenant_id", None),
        "event": event,
    }
`

describe.each([
  ['our runtime client', 'python3'],
  ["AWS's runtime client", PYTHON],
])('a Python function with %s', (_, python) => {
  test('gets its event and its context, and is frozen between two calls', async () => {
    const { invoke, call, pids } = await startFolder({ 'fn.py': FUNCTION }, { python })
    const context = Buffer.from('{"custom":{"mcp":{"name":"ü"}}}').toString('base64')
    const first = (await invoke('fn', { city: 'Zürich' }, { ClientContext: context })).json()
    expect(first).toMatchObject({
      ...{ calls: 1, number: 1.5, name: 'fn', left: true, id: 36 },
      arn: 'arn:aws:lambda:us-east-1:000000000000:function:fn',
      custom: { mcp: { name: 'ü' } },
      event: { city: 'Zürich' },
    })
    await allFrozen({ pids })
    expect(await call('fn', {})).toMatchObject({ calls: 2, pid: first.pid, custom: null })
  })

  test('finds its tenant, whose calls run in a process of their own', async () => {
    const { invoke } = await startFolder({ 'fn.py': FUNCTION }, { python })
    const call = async (TenantId: string) => (await invoke('fn', {}, { TenantId })).json()
    const blue = await call('blue')
    expect([blue.tenant, (await call('green')).tenant]).toEqual(['blue', 'green'])
    expect(await call('blue')).toMatchObject({ pid: blue.pid, calls: 2 })
  })

  test('fails with the type, the message and the stack of the exception', async () => {
    const { invoke, call, logged } = await startFolder({ 'fn.py': FUNCTION }, { python })
    const output = await invoke('fn', { case: 'error' })
    expect(output.functionError).toBe('Unhandled')
    expect(output.json()).toMatchObject({ errorType: 'ValueError', errorMessage: 'no\nluck' })
    expect(output.json().stackTrace.at(-1)).toMatch(/fn\.py", line 12, in handler/)
    expect((await call('fn', { case: 'own type' })).errorType).toBe('ValueError')
    expect(logged('[ERROR] ValueError: no')).toBe(true)
    expect(logged('fn.py", line 12')).toBe(true)
    expect((await call('fn', { case: 'set' })).errorType).toBe('Runtime.MarshalError')
    expect(await call('fn', { case: 'log' })).toMatchObject({ event: { case: 'log' } })
    expect(logged('careful')).toBe(true)
  })

  test('is killed at its time-out, and replaced after its process has ended', async () => {
    const timeouts = { functions: 2 }
    const { call } = await startFolder({ 'fn.py': FUNCTION }, { python, timeouts })
    expect((await call('fn', { case: 'sleep' })).errorMessage).toContain('timed out after 2.00')
    expect((await call('fn', { case: 'exit' })).errorType).toBe('Runtime.ExitError')
    expect(await call('fn', {})).toMatchObject({ calls: 1 })
  })
})

test('files without a handler, and tests, are no functions; syntax errors have their line', async () => {
  const { logged, folder, call, write } = await startFolder({
    'a.py': 'def lambda_handler(event, context):\n    return 1',
    'library.py': 'def other():\n    pass',
    'test_a.py': 'def handler(event, context):\n    return 1',
    'wrong.py': 'def handler(event context):\n    return 1',
    'missing.py': 'import no_such_package\ndef handler(event, context):\n    return 1',
    'package/index.py': 'from .. import x\n',
    'importing.py': 'import lib.word\ndef handler(e, c):\n    return lib.word.WORD',
    'lib/__init__.py': '',
    'lib/word.py': 'WORD = "old"',
  })
  expect(logged(`Functions in ${folder}: a, importing, missing`)).toBe(true)
  expect(logged('wrong.py:1:')).toBe(true)
  expect(await call('missing', {})).toMatchObject({
    errorType: 'Runtime.ImportModuleError',
    errorMessage: "Unable to import module 'missing': No module named 'no_such_package'",
  })
  expect(await call('importing', {})).toBe('old')
  await write('lib/word.py', 'WORD = "newer"')
  expect(await call('importing', {})).toBe('newer')
})

test('the next call runs a changed file of a package above the function', async () => {
  const folder = await temporaryFolder()
  await mkdir(join(folder, 'code/app/api'), { recursive: true })
  const write = (name: string, text: string) => writeFile(join(folder, name), text)
  await write('code/app/__init__.py', 'WORD = 1')
  await write('code/app/words.py', 'from .other import WORD')
  await write('code/app/other.py', 'WORD = 1')
  await write('code/lib.py', 'WORD = 1')
  await write(
    'code/app/api/index.py',
    `import lib
from .. import WORD, words
from . import beside
def handler(event, context):
    return [lib.WORD, WORD, words.WORD, beside.WORD]`,
  )
  await write('code/app/api/beside.py', 'WORD = 1')
  const Properties = { Runtime: 'python3.13', CodeUri: 'code', Handler: 'app.api.index.handler' }
  const Resources = { Fn: { Type: 'AWS::Serverless::Function', Properties } }
  await write('template.yaml', JSON.stringify({ Resources }))
  const { invoke } = await startClient({ functions: { template: join(folder, 'template.yaml') } })
  const call = async () => (await invoke('Fn', {})).json()
  expect(await call()).toEqual([1, 1, 1, 1])
  const files = ['lib.py', 'app/__init__.py', 'app/other.py', 'app/api/beside.py']
  for (const [index, file] of files.entries()) {
    await write(`code/${file}`, 'WORD = 22')
    expect(await call()).toEqual(files.map((_, at) => (at <= index ? 22 : 1)))
  }
})

test('uses the virtual environment beside the code, and boto3 reaches no AWS account', async () => {
  const folder = await temporaryFolder()
  const environment = dirname(dirname(PYTHON))
  await symlink(environment, join(folder, '.venv'))
  await writeFile(
    join(folder, 'fn.py'),
    `import boto3, sys
def handler(event, context):
    errors = []
    for call in (lambda: boto3.client("s3").list_buckets(), lambda: boto3.resource("dynamodb").Table("t").load(), lambda: boto3.client("sqs", aws_access_key_id="A", aws_secret_access_key="B").list_queues()):
        try:
            errors.append(str(call()))
        except Exception as error:
            errors.append(str(error))
    return {"errors": errors, "prefix": sys.prefix}`,
  )
  const { invoke } = await startClient({ functions: folder })
  const { errors, prefix } = (await invoke('fn', {})).json()
  expect(prefix).toContain('venv')
  expect(errors).toHaveLength(3)
  for (const it of errors) expect(it).toContain('Start the gateway with --aws-profile NAME')
})

test('a SAM project with a Node.js, a TypeScript and a Python function runs unchanged', async () => {
  const folder = await temporaryFolder()
  await cp(join(import.meta.dirname, 'sam-project'), folder, { recursive: true })
  const { invoke, logged } = await startClient({
    functions: { template: join(folder, 'template.yaml'), parameters: { Stage: 'test' } },
  })
  const call = async (name: string, event: object) => (await invoke(name, event)).json()
  expect(await call('test-hello', { name: 'Ada' })).toEqual({
    statusCode: 200,
    body: '{"message":"Hello Ada","stage":"test"}',
  })
  expect(await call('AddFunction', { a: 1, b: 2 })).toEqual({ sum: 3, file: 'app.ts' })
  expect(await call('CountFunction', { text: 'a b' })).toEqual({ words: 2, stage: 'test' })
  expect(logged('HelloFunction has a layer, which is not loaded here')).toBe(true)
  expect(logged('the variable TABLE_NAME is not set')).toBe(true)
})
