import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { devNull, tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'

import type { AdminClient, AdminError, Manifest } from '@markvp/mcp-lambda-sam-admin-client'
import { signedFetch } from '@markvp/mcp-lambda-sam-client/sigv4'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { functionArn, type Gateway, startGateway, until } from './support/gateway.ts'

const BIN = fileURLToPath(
  new URL('../packages/admin-client/bin/mcp-lambda-sam-admin.js', import.meta.url),
)
const SERVER_BIN = fileURLToPath(
  new URL('../packages/server/bin/mcp-lambda-sam.js', import.meta.url),
)
const authored = (name: string) => fileURLToPath(new URL(`functions/${name}.mjs`, import.meta.url))

let gateway: Gateway
let admin: AdminClient
let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pipelines-'))
  gateway = await startGateway()
  admin = gateway.admin
}, 60_000)
afterAll(async () => {
  await gateway?.close()
  await rm(folder, { recursive: true })
})

const echo = functionArn('echo')

/** Tools `<prefix>0` to `<prefix><count - 1>`. */
const manifestOf = (owner: string, count: number, prefix = owner, more: object = {}): Manifest => ({
  owner,
  tools: Object.fromEntries(
    Array.from({ length: count }, (_, n) => [
      `${prefix}${n}`,
      { lambdaArn: echo, description: 'A', parameters: { text: 'string' }, ...more },
    ]),
  ),
})

const failureOf = (work: Promise<unknown>) =>
  work.then(
    () => expect.fail('it succeeded'),
    (error: AdminError) => error,
  )

async function stored(owner: string) {
  const found: Record<string, string> = {}
  for await (const it of admin.list())
    if (it.owner === owner) found[it.id] = `${it.version} ${it.title ?? ''}`
  return found
}

/** Passes requests on to the registration URL. The second batch stays without a response. */
async function startProxyThatHoldsTheSecondBatch() {
  let batches = 0
  const server = createServer((incoming, outgoing) => {
    if (incoming.url === '/register:batch') batches += 1
    if (batches === 2) return
    const { method, url = '', headers } = incoming
    incoming.pipe(
      request(new URL(url, gateway.registrationUrl), { method, headers }, answer => {
        outgoing.writeHead(answer.statusCode ?? 500, answer.headers)
        answer.pipe(outgoing)
      }),
    )
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    batches: () => batches,
    close() {
      server.closeAllConnections()
      server.close()
    },
  }
}

function start(
  args: string[],
  input: string | Readable = '',
  registrationUrl = gateway.registrationUrl,
) {
  const child = spawn(process.execPath, [BIN, ...args], {
    cwd: folder,
    env: {
      ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^AWS_/.test(name))),
      AWS_CONFIG_FILE: devNull,
      AWS_SHARED_CREDENTIALS_FILE: devNull,
      AWS_REGION: gateway.region,
      AWS_ACCESS_KEY_ID: gateway.credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: gateway.credentials.secretAccessKey,
      REGISTRATION_URL: registrationUrl,
      ECHO_ARN: echo,
    },
  })
  const output = { stdout: '', stderr: '' }
  child.stdout.on('data', chunk => {
    output.stdout += chunk
  })
  child.stderr.on('data', chunk => {
    output.stderr += chunk
  })
  if (typeof input === 'string') child.stdin.end(input)
  else input.pipe(child.stdin)
  const ended = once(child, 'close').then(([code]) => ({ code: code as number | null, ...output }))
  return { child, output, ended }
}

const run = (args: string[], input?: string | Readable) => start(args, input).ended

async function file(name: string, content: string | object) {
  await writeFile(
    join(folder, name),
    typeof content === 'string' ? content : JSON.stringify(content),
  )
  return name
}

describe('apply of the admin client', () => {
  test('creates, updates and deletes by owner, and changes nothing the second time', async () => {
    const progress: number[] = []
    const first = await admin.apply(manifestOf('a', 105), {
      onProgress: ({ step, done }) => step === 'apply' && progress.push(done),
    })
    expect([first.created.length, first.notReady, progress]).toEqual([105, [], [0, 100, 105]])
    const before = await stored('a')

    const again = await admin.plan(manifestOf('a', 105), { prune: true })
    expect([again.hasChanges, again.unchanged.length]).toEqual([false, 105])
    expect((await again.apply()).unchanged).toHaveLength(105)
    expect(await stored('a')).toEqual(before)

    const { tools } = manifestOf('a', 103)
    const changed = { owner: 'a', tools: { ...tools, a0: { ...tools?.['a0'], title: 'T' } } }
    const plan = await admin.plan(changed as Manifest, { prune: true })
    expect(plan).toMatchObject({
      create: [],
      update: [{ id: 'tool-a0', changes: [{ path: '/title', to: 'T' }] }],
      delete: ['tool-a103', 'tool-a104'],
    })
    expect(plan.toText()).toBe(`! tool-a0
    /title: "T" (new)
- tool-a103
- tool-a104
0 to create, 1 to update, 2 to delete, 102 unchanged`)
    expect(plan.toText('markdown')).toContain('```diff\n! tool-a0')
    expect(await plan.apply()).toMatchObject({ updated: ['tool-a0'], deleted: plan.delete })
    expect(Object.keys(await stored('a'))).toHaveLength(103)
    expect((await stored('a'))['tool-a0']).toBe('2 T')
  })

  test('of two pipelines at once merges what has different owners', async () => {
    const both = ['b', 'c'].map(owner => admin.apply(manifestOf(owner, 30), { prune: true }))
    await Promise.all(both)
    expect(Object.keys(await stored('b'))).toHaveLength(30)
    expect(Object.keys(await stored('c'))).toHaveLength(30)
  })

  test('of an old plan is refused, and the change of the other pipeline stays', async () => {
    const name = 'shared'
    await admin.apply(manifestOf('d', 2, name))
    const [ours, theirs] = await Promise.all([
      admin.plan(manifestOf('d', 3, name, { title: 'ours' })),
      admin.plan(manifestOf('d', 3, name, { title: 'theirs' })),
    ])
    await theirs.apply()
    expect(await failureOf(ours.apply())).toMatchObject({
      code: 'version_mismatch',
      message: expect.stringContaining('Nothing was changed'),
      hint: expect.stringMatching(/\S/),
    })
    expect(new Set(Object.values(await stored('d')))).toEqual(new Set(['2 theirs', '1 theirs']))
    // At the same moment, each registration is one of the two, and nothing is lost silently.
    const plans = await Promise.all(
      ['x', 'y'].map(title => admin.plan(manifestOf('d', 3, name, { title }))),
    )
    const outcomes = await Promise.allSettled(plans.map(it => it.apply()))
    const lost = outcomes.filter(it => it.status === 'rejected')
    expect(lost.length).toBeGreaterThan(0)
    for (const { reason } of lost) expect(reason.code).toBe('version_mismatch')
  })

  test('keeps away from other owners, and deletes no more than is allowed', async () => {
    await admin.apply(manifestOf('e', 12))
    expect(await failureOf(admin.plan(manifestOf('f', 1, 'e')))).toMatchObject({
      code: 'owner_conflict',
      message: expect.stringContaining('tool-e0 (owner "e")'),
    })
    expect(await failureOf(admin.plan({ owner: 'e' }, { prune: true }))).toMatchObject({
      code: 'too_many_deletes',
    })
    expect((await failureOf(admin.plan({}, { prune: true }))).code).toBe('invalid_manifest')
    const taken = await admin.apply(manifestOf('f', 1, 'e'), { takeOver: true })
    expect(taken.updated).toEqual(['tool-e0'])
    const { deleted } = await admin.apply({ owner: 'e' }, { prune: true, maxDeletes: 11 })
    expect(deleted).toHaveLength(11)
    expect(await stored('f')).toEqual({ 'tool-e0': '2 ' })
  })

  test('writes nothing where one registration is wrong', async () => {
    const wrong = {
      ...manifestOf('g', 2),
      prompts: { p: { lambdaArn: 'arn:x' }, q: { lambdaArn: 'arn:x' } },
    }
    const failure = await failureOf(admin.apply(wrong))
    expect(failure).toMatchObject({
      code: 'invalid_registration',
      message: expect.stringContaining('not valid: /prompts/p/lambdaArn has the partition'),
    })
    expect(failure.issues.map(it => it.path)).toEqual([
      '/prompts/p/lambdaArn',
      '/prompts/q/lambdaArn',
    ])
    expect(await stored('g')).toEqual({})
  })

  test('says which functions do not exist, and whose permission is missing', async () => {
    const plan = await admin.plan({
      owner: 'h',
      tools: { h: { lambdaArn: functionArn('nowhere') } },
    })
    expect(plan.notReady).toMatchObject([{ id: 'tool-h', status: { state: 'function_not_found' } }])
    expect(plan.create).toEqual(['tool-h'])
    expect(await stored('h')).toEqual({})
  })
})

describe('the command', () => {
  test('that is killed and run again ends with the same', async () => {
    const name = await file('many.json', manifestOf('killed', 120))
    const proxy = await startProxyThatHoldsTheSecondBatch()
    const { child, ended } = start(['apply', name], '', proxy.url)
    await until(() => proxy.batches() === 2, 'the second batch', 60_000)
    child.kill('SIGKILL')
    expect((await ended).code).toBeNull()
    proxy.close()
    expect(Object.keys(await stored('killed'))).toHaveLength(100)
    expect(await run(['apply', name])).toMatchObject({ code: 0 })
    const all = await stored('killed')
    expect([Object.keys(all).length, new Set(Object.values(all))]).toEqual([120, new Set(['1 '])])
  }, 120_000)

  test('plans, applies, lists and exports what applies without a change', async () => {
    const name = await file(
      'mcp.yaml',
      `owner: cli
tools:
  cli:
    lambdaArn: \${ECHO_ARN}
    description: A
    parameters: { text: string, limit: integer? }
prompts:
  cli: { lambdaArn: "\${ECHO_ARN}", description: B, arguments: [{ name: topic }] }
`,
    )
    const planned = await run(['plan'])
    expect(planned).toMatchObject({
      code: 2,
      stdout: '+ tool-cli\n+ prompt-cli\n2 to create, 0 to update, 0 to delete, 0 unchanged\n',
    })
    expect(JSON.parse((await run(['apply', name, '--json'])).stdout)).toMatchObject({
      created: ['tool-cli', 'prompt-cli'],
    })
    expect(await run(['plan', name])).toMatchObject({
      code: 0,
      stdout: 'No changes: 2 registrations are up to date\n',
    })
    const listed = await run(['list', '--owner', 'cli'])
    expect(listed.stdout).toMatch(/^TYPE +NAME +VERSION +OWNER +UPDATED \(UTC\) +FUNCTION\n/)
    expect(listed.stdout).toMatch(/\ntool +cli +1 +cli +[-\d]{10} [\d:]{5} +echo\n/)
    const exported = await run(['export', '--owner', 'cli'])
    expect(await run(['plan', await file('exported.yaml', exported.stdout)])).toMatchObject({
      code: 0,
    })
    expect((await run(['export'])).stderr).toContain('--owner NAME')
  }, 120_000)

  test('reads a manifest in TypeScript, which imports TypeScript', async () => {
    await file('arns.ts', `export const echo: string = ${JSON.stringify(echo)}\n`)
    const name = await file(
      'typed.mts',
      `import { echo } from './arns.ts'
console.log('as dotenv does')
interface Tool { lambdaArn: string; description: string }
export default { owner: 'typed', tools: { typed: { lambdaArn: echo, description: 'A' } satisfies Tool } }
`,
    )
    const planned = await run(['plan', name, '--json'])
    expect(JSON.parse(planned.stdout)).toMatchObject({ create: ['tool-typed'] })
    expect(planned.stderr).toContain('as dotenv does')
    expect(await run(['apply', name])).toMatchObject({ code: 0 })
    expect(await stored('typed')).toEqual({ 'tool-typed': '1 ' })
    const rejects = 'export default async () => { throw new Error("the secret is gone") }'
    const rejecting = await run(['plan', await file('rejects.mts', rejects)])
    expect(rejecting.stderr).toMatch(/rejects\.mts does not load: the secret is gone\.\n\S/)
    // Exit code 0 would say that nothing changes.
    const ending = await run(['plan', await file('ends.mts', 'process.exit(0)')])
    expect(ending).toMatchObject({ code: 1, stderr: expect.stringContaining('ends the process') })
    const common = await file(
      'common.cts',
      `const owner: string = 'common'\nmodule.exports = { owner, tools: {} }\n`,
    )
    expect(await run(['plan', common])).toMatchObject({ code: 0 })
    const wrong = await run(['apply', await file('wrong.ts', 'export default {\n  tools: <\n}\n')])
    expect(wrong).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/wrong\.ts does not load/),
    })
  })

  test('registers, shows, repairs and removes one', async () => {
    const one = { type: 'tool', name: 'one', lambdaArn: echo, parameters: {} }
    const registered = await run(['register', '-'], JSON.stringify(one))
    expect(registered).toMatchObject({ code: 0, stdout: 'tool-one created, version 1\n' })
    expect(registered.stderr).toContain('There is no description')
    expect((await run(['register', '-', '--json'], JSON.stringify(one))).stdout).toContain(
      '"change": "unchanged"',
    )
    expect((await run(['get', 'tool-one'])).stdout).toContain('state: ready')
    expect(await run(['repair', 'tool-one'])).toMatchObject({
      code: 0,
      stdout: '1 of 1 can be invoked\n',
    })
    expect((await run(['remove', 'tool-one', '--dry-run'])).stdout).toBe(
      'tool-one would be deleted\n',
    )
    expect((await run(['remove', 'tool-one'])).stdout).toBe('tool-one is deleted\n')
    const gone = await run(['get', 'tool-one', '--json'])
    expect([gone.code, JSON.parse(gone.stdout).error.code]).toEqual([1, 'registration_not_found'])
  }, 120_000)

  test('registers what describe prints, through a pipe, and says where the pipe is empty', async () => {
    const describing = (file: string) => {
      const args = ['describe', file, '--arn', functionArn('authoredtool')]
      return spawn(process.execPath, [SERVER_BIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
    }
    const registered = await run(['register', '-'], describing(authored('authoredtool')).stdout)
    const [, id = ''] = /^(tool-\S+) created, version 1\n$/.exec(registered.stdout) ?? []
    expect([registered.code, id]).toEqual([0, expect.any(String)])
    await admin.remove(id)

    const list = await Promise.all(
      ['authoredprompt', 'authoredresource'].map(it => text(describing(authored(it)).stdout)),
    )
    const both = await run(['register', '-', '--dry-run'], `[${list.join()}]`)
    expect(both.stdout).toMatch(
      /^prompt-\S+ would be created.*\nresource-\S+ would be created.*\n$/,
    )

    await file('broken.mjs', 'nothing.here()')
    const broken = describing(join(folder, 'broken.mjs'))
    const [fault, refused] = await Promise.all([
      text(broken.stderr),
      run(['register', '-'], broken.stdout),
    ])
    expect(fault).toMatch(/broken\.mjs:1:1: ReferenceError: nothing is not defined/)
    expect(refused).toMatchObject({ code: 1, stdout: '' })
    expect(refused.stderr).toMatch(/^stdin is empty\.\n/)
  })

  // docs/operations.md does it with the AWS CLI and jq, from a restored table.
  test('registers again what the rows of a table hold', async () => {
    await admin.registerTool({ name: 'kept', lambdaArn: echo, parameters: { place: 'string' } })
    const { region, credentials, dynamodbUrl } = gateway
    const response = await signedFetch({ region, credentials, service: 'dynamodb' })(dynamodbUrl, {
      method: 'POST',
      headers: {
        'content-type': 'application/x-amz-json-1.0',
        'x-amz-target': 'DynamoDB_20120810.Scan',
      },
      body: JSON.stringify({ TableName: 'mcp-lambda-sam-RegistrationTable' }),
    })
    const { Items } = (await response.json()) as { Items: { registration?: { S: string } }[] }
    await admin.remove('tool-kept')
    const rows = Items.flatMap(({ registration }) => {
      if (!registration) return []
      const { id, version, createdAt, updatedAt, createdBy, updatedBy, ...content } = JSON.parse(
        registration.S,
      )
      return id === 'tool-kept' ? [content] : []
    })
    expect((await run(['register', '-'], JSON.stringify(rows))).stdout).toBe(
      'tool-kept created, version 1\n',
    )
    expect(await admin.get('tool-kept')).toMatchObject({
      inputSchema: { properties: { place: { type: 'string' } } },
    })
    await admin.remove('tool-kept')
  })
})
