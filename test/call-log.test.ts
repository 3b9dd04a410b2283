import { randomUUID } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest'

import { builtFolder, readTemplateText } from '../packages/server/src/built-package.ts'
import { readStack } from '../packages/server/src/local/stack.ts'
import { type Connected, callTool, connect, type Over, type Sdk } from './support/clients.ts'
import {
  agentMonday,
  type Credentials,
  functionArn,
  type Gateway,
  hasContent,
  sharing,
  startGateway,
  until,
} from './support/gateway.ts'
import { accept, openSession } from './support/mcp-wire.ts'

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const traceparent = `00-${TRACE}-b7ad6b7169203331-01`

interface Line {
  functionName?: string
  message: string
}

const lines: Line[] = []
let gateway: Gateway
beforeAll(async () => {
  gateway = await startGateway({
    environment: { LOG_CALLS: 'all' },
    log: line => lines.push(line),
  })
  const { admin } = gateway
  for (const name of ['echo', 'misbehave', 'traced', 'wait'])
    await admin.registerTool({ name, lambdaArn: functionArn(name) })
  await admin.registerTool({
    name: 'strict',
    lambdaArn: functionArn('echo'),
    parameters: { text: 'string' },
  })
  const contract = 'mcp' as const
  await admin.registerTool({ name: 'contract', lambdaArn: functionArn('contract'), contract })
  await admin.registerResource({
    name: 'notes',
    lambdaArn: functionArn('notes'),
    uriTemplate: 'notes://{id}',
  })
  await admin.registerPrompt({
    name: 'greet',
    lambdaArn: functionArn('greet'),
    arguments: [{ name: 'name', required: true }],
  })
})
afterAll(() => gateway.close())
/** All lines of the run, for the last test. */
const earlier: Line[] = []
beforeEach(() => void earlier.push(...lines.splice(0)))

/** The fields that say what was called and how it failed. */
const NAMES = ['gen_ai.tool.name', 'gen_ai.prompt.name', 'item', 'error.type']

const entries = (name: string, from = lines) =>
  from
    .filter(it => it.functionName === name && it.message.startsWith('{'))
    .map(it => JSON.parse(it.message))
const calls = () => entries('mcp-lambda-sam-mcp').filter(it => it.message === 'call')

/** The entry of the one call that `run` makes. Its failure is part of the entry. */
async function entryOf(run: () => Promise<unknown>) {
  const before = calls().length
  await run().catch(() => {})
  await until(() => calls().length > before, 'the entry of the call')
  expect(calls()).toHaveLength(before + 1)
  return calls()[before]
}

const CLIENTS: [Sdk, Over][] = [
  ['SDK 2.x, 2026-07-28', '/mcp over our transport'],
  ['SDK 1.x', '/sse over our transport'],
]

describe.each(CLIENTS)('a call of %s on %s', (sdk, over) => {
  let agent: Connected
  beforeAll(async () => {
    const user = { elicit: () => ({ action: 'accept', content: { answer: 'yes' } }) }
    agent = await connect(gateway, sdk, over, { credentials: agentMonday, user })
  })
  afterAll(() => agent.client.close())

  test('has one entry: who, what, how long, how much', async () => {
    const run = () => agent.client.callTool({ name: 'echo', arguments: { a: 1 } })
    const entry = await entryOf(run)
    expect(entry).toEqual({
      timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      level: 'INFO',
      requestId: expect.stringMatching(/^[\w-]{36}$/),
      message: 'call',
      'mcp.method.name': 'tools/call',
      'gen_ai.tool.name': 'echo',
      function: functionArn('echo'),
      caller: 'arn:aws:iam::111111111111:role/agents',
      sessionName: 'monday',
      ...(sdk !== 'SDK 2.x, 2026-07-28' && {
        'mcp.session.id': expect.stringMatching(/^[\w-]{22,}$/),
      }),
      trace_id: expect.stringMatching(/^[0-9a-f]{32}$/),
      'faas.coldstart': expect.any(Boolean),
      errors: 0,
      throttles: 0,
      functionMs: expect.any(Number),
      ownMs: expect.any(Number),
      bytesIn: '{"a":1}'.length,
      bytesOut: expect.any(Number),
      tableReads: expect.any(Number),
    })
    expect(entry.bytesOut).toBeGreaterThan(100)
    for (const part of [entry.functionMs, entry.ownMs]) expect(part).toBeGreaterThan(0)
    expect((await entryOf(run)).requestId === entry.requestId).toBe(over.startsWith('/sse'))
  })

  test.each([
    ['invalid_arguments', { name: 'strict', arguments: { text: 1 } }, 'strict'],
    ['not_found', { name: 'nothing', arguments: {} }, undefined],
    ['function_failed', { name: 'misbehave', arguments: { mode: 'throw' } }, 'misbehave'],
    ['tool_error', { name: 'contract', arguments: { mode: 'tool-error' } }, 'contract'],
    ['jsonrpc_error', { name: 'contract', arguments: { mode: 'error' } }, 'contract'],
    ['function_failed', { name: 'contract', arguments: { mode: 'no-final' } }, 'contract'],
    ['function_failed', { name: 'contract', arguments: { mode: 'exit' } }, 'contract'],
  ])('ends as %s: %j', async (type, params, tool) => {
    const errors = type === 'function_failed' ? 1 : 0
    const entry = await entryOf(() => agent.client.callTool(params))
    expect(entry).toMatchObject({ 'mcp.method.name': 'tools/call', 'error.type': type, errors })
    expect([entry['gen_ai.tool.name'], 'functionMs' in entry]).toEqual([tool, entry.bytesIn > 0])
  })

  test('of a resource, a prompt or a completion has an entry too', async () => {
    const { client } = agent
    const read = (uri: string) => entryOf(() => client.readResource({ uri }))
    const named = (entry: Record<string, unknown>) => NAMES.map(it => entry[it])
    const found = await read('notes://1')
    expect(named(found)).toEqual([undefined, undefined, 'resource-notes', undefined])
    const missing = await read('notes://missing')
    expect(named(missing)).toEqual([undefined, undefined, 'resource-notes', 'jsonrpc_error'])
    expect(await read('other://1')).toMatchObject({ 'error.type': 'not_found' })
    const prompt = (args: Record<string, string>) =>
      entryOf(() => client.getPrompt({ name: 'greet', arguments: args }))
    const greeted = await prompt({ name: 'Ann' })
    expect(named(greeted)).toEqual([undefined, 'greet', undefined, undefined])
    const refused = await prompt({})
    expect(named(refused)).toEqual([undefined, 'greet', undefined, 'invalid_arguments'])
    const ref = { type: 'ref/prompt' as const, name: 'greet' }
    const completed = await entryOf(() =>
      client.complete({ ref, argument: { name: 'name', value: 'A' } }),
    )
    expect(completed['mcp.method.name']).toBe('completion/complete')
    expect(named(completed)).toEqual([undefined, 'greet', undefined, undefined])
  })

  test('that asks its user has one entry for all rounds, or one for each request', async () => {
    const before = calls().length
    await agent.call('rounds')
    const rounds = sdk === 'SDK 2.x, 2026-07-28' ? Array(3).fill('input_required') : []
    await until(() => calls().length - before > rounds.length, 'the entries')
    expect(
      calls()
        .slice(before)
        .map(it => it['error.type'] ?? it.resultType),
    ).toEqual([...rounds, undefined])
  })

  test('that its client cancels says so', async () => {
    if (sdk === 'SDK 2.x, 2026-07-28') return // it hangs up, which Lambda does not tell
    const [started, go] = [randomUUID(), randomUUID()].map(it => join(tmpdir(), it))
    const stop = new AbortController()
    const args = { log: started, file: go }
    const entry = await entryOf(async () => {
      const { signal } = stop
      const running = callTool(agent.client, { name: 'wait', arguments: args }, { signal })
      await until(() => hasContent(started ?? ''), 'the function')
      stop.abort()
      await running
    })
    const cancelled = { 'error.type': 'cancelled', 'gen_ai.tool.name': 'wait', errors: 0 }
    expect(entry).toMatchObject(cancelled)
  })
})

describe('the trace of a client', () => {
  test.each([
    ['_meta', {}, { traceparent }],
    ['the header traceparent', { traceparent }, {}],
    ['X-Amzn-Trace-Id', { 'x-amzn-trace-id': `Root=1-${TRACE.slice(0, 8)}-${TRACE.slice(8)}` }, {}],
  ])(
    'in %s is in the entry of the call and in the log of its function',
    async (_, headers, _meta) => {
      const response = await gateway.fetch()(new URL('mcp', gateway.mcpUrl), {
        method: 'POST',
        headers: { accept, 'content-type': 'application/json', ...headers },
        body: JSON.stringify({
          jsonrpc: '2.0',
          id: 1,
          method: 'tools/call',
          params: { name: 'traced', arguments: {}, _meta },
        }),
      })
      expect(await response.text()).toContain('done')
      await until(() => calls().length === 1, 'the entry of the call')
      expect(calls()[0].trace_id).toBe(TRACE)
      const [, json = ''] =
        lines.find(it => it.message.includes('traced {'))?.message.split('traced ') ?? []
      const told = JSON.parse(json)
      expect(told.mcp.traceparent).toMatch(new RegExp(`^00-${TRACE}-[0-9a-f]{16}-0[01]$`))
      expect(told.header).toContain(`Root=1-${TRACE.slice(0, 8)}-${TRACE.slice(8)}`)
    },
  )

  test('goes on in a session, and is in the other entries about the call', async () => {
    const session = await openSession(gateway)
    const lambdaArn = 'arn:aws:lambda:us-east-1:111111111111:function:elsewhere'
    await gateway.admin.registerTool({ name: 'elsewhere', lambdaArn })
    const params = { name: 'elsewhere', arguments: {}, _meta: { traceparent } }
    const entry = await entryOf(() =>
      session.post({ jsonrpc: '2.0', id: 2, method: 'tools/call', params }),
    )
    const { requestId } = entry
    expect(entry).toMatchObject({
      trace_id: TRACE,
      'mcp.session.id': session.id,
      'error.type': 'not_invoked',
    })
    expect(entries('mcp-lambda-sam-mcp').map(it => it.message)).toContainEqual(
      expect.objectContaining({
        message: 'invoker: the function was not invoked',
        requestId,
        trace_id: TRACE,
      }),
    )
  })

  test('is in the entry of a change of a registration', async () => {
    const response = await gateway.fetch(agentMonday)(
      new URL('register', gateway.registrationUrl),
      {
        method: 'POST',
        headers: { 'content-type': 'application/json', traceparent },
        body: JSON.stringify({ type: 'tool', name: 'new', lambdaArn: functionArn('echo') }),
      },
    )
    expect(response.status).toBe(201)
    const written = () => entries('mcp-lambda-sam-mcp-registration').length > 0
    await until(written, 'the entry of the change')
    changes = entries('mcp-lambda-sam-mcp-registration')
    expect(changes.map(it => it.message)).toContainEqual(
      expect.objectContaining({ message: 'registration changed', trace_id: TRACE }),
    )
  })
})

test('the trace of an invocation is in the entries of a resource of CloudFormation', async () => {
  const template = readTemplateText(missing => new Error(`${missing} is missing`))
  const built = pathToFileURL(join(builtFolder(), 'lambda/resource/index.mjs'))
  const functions = mkdtempSync(join(tmpdir(), 'mcp-lambda-sam-resource-'))
  // S3 takes every response.
  writeFileSync(
    join(functions, 'resource.mjs'),
    `globalThis.fetch = async () => new Response()
    const built = await import('${built}')
    export const handler = (event, context) => built.handler(event, context)`,
  )
  const written: Line[] = []
  const other = await startGateway({
    functions,
    // The settings of the registration function, whose work it does.
    variables: {
      ...readStack(template, builtFolder()).functions['RegistrationFunction']?.variables,
      ...sharing(gateway),
      AWS_LAMBDA_LOG_FORMAT: 'JSON',
    },
    log: line => written.push(line),
  })
  onTestFinished(async () => {
    await other.close()
    rmSync(functions, { recursive: true })
  })
  const register = (name: string, root: string) =>
    other.fetch()(new URL('2015-03-31/functions/resource/invocations', other.lambdaUrl), {
      method: 'POST',
      headers: { 'x-amzn-trace-id': `Root=${root};Parent=53995c3f42cd8ad8;Sampled=0` },
      body: JSON.stringify({
        RequestType: 'Create',
        ResponseURL: 'https://responses.s3.us-east-1.amazonaws.com/a',
        StackId: 'arn:aws:cloudformation:us-east-1:000000000000:stack/weather/1',
        RequestId: 'request-1',
        ResourceType: 'Custom::McpTool',
        LogicalResourceId: 'Tool',
        ResourceProperties: { Name: name, LambdaArn: functionArn('echo'), Parameters: {} },
      }),
    })
  const roots = ['1-0af76519-16cd43dd8448eb211c80319c', '1-5759e988-bd862e3fe1be46a994272793']
  for (const root of roots) expect((await register(`of-${root}`, root)).status).toBe(200)
  const changed = () => entries('resource', written).map(it => it.message)
  await until(() => changed().length === roots.length, 'the entries')
  expect(changed()).toEqual(
    roots.map(root =>
      expect.objectContaining({
        message: 'registration changed',
        item: `tool-of-${root}`,
        trace_id: root.slice(2).replace('-', ''),
      }),
    ),
  )
})

const MARK = 'marked-argument-4711'

/** The metrics that CloudWatch finds in the entries of this run, and their dimensions. */
const metricNames = new Set<string>()
const dimensions = new Set<string>()
/** The entries of calls without metrics, of all of this run. */
const all = () =>
  entries('mcp-lambda-sam-mcp', [...earlier, ...lines]).filter(it => it.message === 'call')
let changes: { message: unknown }[] = []

/** Calls of every kind, with a marked argument and a result that repeats it, also ones that fail. */
async function marked(at: Gateway) {
  for (const [sdk, over] of CLIENTS) {
    const { client } = await connect(at, sdk, over, { credentials: at.credentials })
    const call = (name: string, args: object) =>
      client.callTool({ name, arguments: { ...args, mark: MARK } }).catch(() => {})
    await call('echo', {})
    await call('strict', { text: 1 })
    await call('misbehave', { mode: 'throw' })
    await call('misbehave', { mode: 'malformed' })
    for (const mode of ['event', 'garbage', 'throw', 'exit']) await call('contract', { mode })
    await client.readResource({ uri: `notes://${MARK}` }).catch(() => {})
    await client.getPrompt({ name: 'greet', arguments: { name: MARK } })
    await client.close()
  }
  const send = (body: string, credentials?: Credentials) =>
    at
      .fetch(credentials)(new URL('mcp', at.mcpUrl), {
        method: 'POST',
        headers: { accept, 'content-type': 'application/json', 'x-mark': MARK },
        body,
      })
      .then(it => it.text())
  await send(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","a":${MARK}}`)
  await send(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":"${MARK}"}`)
  await send('{}', { ...agentMonday, secretAccessKey: 'another secret' })
}

test('by default only calls that have not succeeded have an entry', async () => {
  const written: Line[] = []
  const other = await startGateway({
    environment: sharing(gateway),
    log: line => written.push(line),
  })
  for (const [sdk, over] of CLIENTS) {
    const { client } = await connect(other, sdk, over, { credentials: other.credentials })
    await client.callTool({ name: 'echo', arguments: { text: 'a' } })
    await client.callTool({ name: 'misbehave', arguments: { mode: 'throw' } })
    await client.close()
  }
  const own = () => entries('mcp-lambda-sam-mcp', written).filter(it => it.message === 'call')
  await until(() => own().length >= CLIENTS.length, 'the entries')
  await other.close()
  expect(own().map(it => [it['gen_ai.tool.name'], it['error.type']])).toEqual(
    CLIENTS.map(() => ['misbehave', 'function_failed']),
  )
})

describe('with metrics and payloads', () => {
  const written: Line[] = []
  let other: Gateway
  beforeAll(async () => {
    const environment = { ...sharing(gateway), LOG_PAYLOADS: 'on', METRICS: 'items' }
    other = await startGateway({ environment, log: line => written.push(line) })
    await marked(other)
  })
  afterAll(() => other.close())

  const own = () => entries('mcp-lambda-sam-mcp', written)

  test('an entry has the arguments and the result', () => {
    const ofEcho = own().filter(it => it['gen_ai.tool.name'] === 'echo')
    expect(ofEcho).toHaveLength(CLIENTS.length)
    for (const { arguments: args, result } of ofEcho) {
      expect(args).toBe(JSON.stringify({ mark: MARK }))
      expect(result).toContain(MARK)
    }
  })

  test('they are cut after 8 KB', async () => {
    const session = await openSession(other)
    const params = { name: 'echo', arguments: { text: 'x'.repeat(20_000) } }
    await session.post({ jsonrpc: '2.0', id: 1, method: 'tools/call', params })
    await until(() => own().at(-1)?.['mcp.session.id'] === session.id, 'the entry')
    const { arguments: args, result, bytesIn } = own().at(-1)
    expect([args, result].map(it => Buffer.byteLength(it))).toEqual([8192, 8192])
    expect(bytesIn).toBeGreaterThan(20_000)
  })

  test('each has a trace, also that of an open stream', () => {
    expect(own().map(it => it.message)).toContain('open stream')
    for (const entry of own())
      expect(entry.trace_id ?? entry.message.trace_id).toMatch(/^[0-9a-f]{32}$/)
  })

  test('CloudWatch finds these metrics, by gateway, error type and item', async () => {
    const found = new Set(own().flatMap(metricsOf))
    for (const it of found) {
      metricNames.add(it.split(' ')[0] ?? '')
      dimensions.add(it.replace(/^.* by /, '').replaceAll(/=[^,]*/g, ''))
    }
    const ofAll = [...'calls errors throttles ownMs tableReads functionMs'.split(' ')]
    const of = (names: string[], dimensions: string) => names.map(it => `${it} by ${dimensions}`)
    const items = ['calls', 'errors', 'functionMs']
    expect([...found].sort()).toEqual(
      [
        ...of([...ofAll, 'relayWaitMs', 'openStreams'], 'gateway=mcp-lambda-sam-mcp'),
        ...['function_failed', 'invalid_arguments'].flatMap(it =>
          of(['calls'], `gateway=mcp-lambda-sam-mcp,error.type=${it}`),
        ),
        ...[
          'gen_ai.tool.name=echo',
          'gen_ai.tool.name=misbehave',
          'gen_ai.tool.name=contract',
          'item=resource-notes',
          'gen_ai.prompt.name=greet',
        ].flatMap(it => of(items, `gateway=mcp-lambda-sam-mcp,${it}`)),
        ...of(['calls', 'errors'], 'gateway=mcp-lambda-sam-mcp,gen_ai.tool.name=strict'),
      ].sort(),
    )
  })
})

describe('the documentation and the template', () => {
  const page = readFileSync(new URL('../docs/operations.md', import.meta.url), 'utf8')
  const template = readFileSync(new URL('../template.yaml', import.meta.url), 'utf8')
  /** The names in the first column of the table below a heading. */
  const rows = (heading: string, nth = 1) => {
    const section = page.split(`\n${heading}\n`)[1]?.split(/\n##+ /)[0] ?? ''
    const table = section.split(/\n(?=\| [a-z]+ +\|)/)[nth]?.split('\n\n')[0] ?? ''
    const cells = [...table.matchAll(/^\| (`.+?`) +\|/gm)].map(([, cell = '']) => cell)
    return cells.flatMap(cell => [...cell.matchAll(/`([\w.-]+)`/g)].map(([, name = '']) => name))
  }
  const namesIn = (entry: object) => Object.keys(entry)

  test('have every field of an entry, and every error type', () => {
    const fields = new Set(all().flatMap(namesIn))
    const always = ['timestamp', 'level', 'message']
    expect([...always, ...rows('### The entry of a call')].sort()).toEqual(
      [...fields, 'arguments', 'result'].sort(),
    )
    const types = new Set(all().flatMap(it => it['error.type'] ?? []))
    expect(types.size).toBeGreaterThan(5)
    for (const type of types) expect(rows('### The entry of a call', 2)).toContain(type)
  })

  test('name fields in queries that entries have', () => {
    const [ofCalls = '', ofChanges = ''] =
      page.split('### Queries')[1]?.split('On the log group of the registration') ?? []
    const known = new Set(all().flatMap(namesIn))
    const words = /`[^`]+`|"[^"]*"|#.*|@\w+|\b\d+\w*|[\w.]+/g
    const fieldsIn = (text: string) =>
      [...(/```text\n([^`]+)```/.exec(text)?.[1] ?? '').matchAll(words)]
        .map(([word]) => word)
        .filter(it => /^[a-z][\w.]*$/i.test(it) && !LANGUAGE.has(it))
    const own = [...(/```text\n([^`]+)```/.exec(ofCalls)?.[1] ?? '').matchAll(/ as (\w+)/g)].map(
      ([, it]) => it,
    )
    const used = fieldsIn(ofCalls).filter(it => !own.includes(it) && it !== 'message.trace_id')
    expect(new Set(used).size).toBeGreaterThan(10)
    for (const field of used) expect(known).toContain(field)
    const [, widget = ''] = /"query": "SOURCE '\S+' ([^"]+)"/.exec(template) ?? []
    const ofWidget = widget.replace(/'[^']*'|\d+| as \w+/g, '').match(/[\w.]+/g) ?? []
    const shown = ofWidget.filter(it => !LANGUAGE.has(it) && !widget.includes(` as ${it}`))
    expect(shown.length).toBeGreaterThan(5)
    for (const field of shown) expect(known).toContain(field)
    const change = changes[0]?.message as Record<string, unknown>
    const ofChange = fieldsIn(ofChanges).map(it => it.replace('message.', ''))
    expect(ofChange.length).toBeGreaterThan(4)
    for (const field of ofChange) expect(change).toHaveProperty(field)
  })

  test('have every metric, and no other', () => {
    expect(rows('## Metrics').sort()).toEqual([...metricNames].sort())
    const named = template.matchAll(/McpLambdaSam(?:", "|, MetricName: |\n +MetricName: )(\w+)/g)
    expect([...new Set([...named].map(([, name]) => name))].sort()).toEqual([...metricNames].sort())
    const [, searched = ''] = /SEARCH\('\{McpLambdaSam,([^}]+)\}/.exec(template) ?? []
    expect(dimensions).toContain(searched.replaceAll('\\"', ''))
  })
})

/** Words of the query language of CloudWatch Logs Insights. */
const LANGUAGE = new Set(
  'filter stats count sum pct as by sort desc asc fields coalesce and or bin limit'.split(' '),
)

/** The metrics that CloudWatch takes from an entry, by the rules of its specification. */
function metricsOf(entry: Record<string, unknown>): string[] {
  const { _aws } = entry
  if (_aws === undefined) return []
  const { Timestamp, CloudWatchMetrics } = _aws as {
    Timestamp: number
    CloudWatchMetrics: { Namespace: string; Dimensions: string[][]; Metrics: { Name: string }[] }[]
  }
  expect(Date.now() - Timestamp).toBeLessThan(600_000)
  return CloudWatchMetrics.flatMap(({ Namespace, Dimensions, Metrics }) => {
    expect(Namespace).toBe('McpLambdaSam')
    return Dimensions.flatMap(names =>
      Metrics.map(({ Name }) => {
        const values = [entry[Name]].flat()
        for (const value of values) expect(value, Name).toEqual(expect.any(Number))
        expect(values.length).toBeLessThanOrEqual(100)
        for (const name of names) expect(entry[name], name).toEqual(expect.stringMatching(/./))
        return `${Name} by ${names.map(name => `${name}=${entry[name]}`)}`
      }),
    )
  })
}

test('no line has a credential, an argument, a result or a header of a client', async () => {
  await marked(gateway)
  const all = [...earlier, ...lines].map(it => it.message)
  expect(all.length).toBeGreaterThan(80)
  expect(all.find(it => it.includes('does not match'))).toContain('x-amz-security-token')
  const secrets = [
    MARK,
    ...[agentMonday, gateway.credentials].map(it => it.secretAccessKey),
    agentMonday.sessionToken,
    'another secret',
    'Credential=',
    'Signature=',
  ]
  for (const secret of secrets) expect(all.filter(it => it.includes(secret))).toEqual([])
})
