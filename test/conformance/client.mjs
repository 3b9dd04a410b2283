// The client under test, started by the referee with the URL of each of its servers: our signed transport, and for
// the scenarios with OAuth the official one on `signedFetch`, which leaves a request alone that has a token.

import { appendFileSync } from 'node:fs'

import { SigV4StreamableHttpTransport, signedFetch } from '@markvp/mcp-lambda-sam-client'
import {
  Client,
  StreamableHTTPClientTransport,
  UnauthorizedError,
} from '@modelcontextprotocol/client'

const {
  MCP_CONFORMANCE_SCENARIO: scenario,
  MCP_CONFORMANCE_PROTOCOL_VERSION: revision,
  MCP_CONFORMANCE_CONTEXT: context = '{}',
  CONFORMANCE_EXITS: exits,
} = process.env
// The referee does not look at it. One that is killed, because its time is up, leaves no line.
process.on('exit', code => appendFileSync(exits, `${scenario} ${code}\n`))

const url = new URL(process.argv[2])
const signing = {
  region: 'us-east-1',
  credentials: { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'secret' },
}
const given = JSON.parse(context)

const steps = {
  tools_call: async client => {
    await client.listTools()
    await client.callTool({ name: 'add_numbers', arguments: { a: 5, b: 3 } })
  },
  'elicitation-sep1034-client-defaults': callAll,
  'sse-retry': callAll,
  // One of its tools answers without a resultType, which the SDK takes from servers of earlier revisions only.
  'sep-2322-client-request-state': client =>
    callAll(client, error => error.data?.violation === 'missing-resultType'),
  'http-invalid-tool-headers': callAll,
  'json-schema-2020-12-preservation': async client => {
    const { tools } = await client.listTools()
    const echo = tools.find(it => it.inputSchema.properties?.schema)
    const { inputSchema: schema } = tools.find(it => it !== echo)
    await client.callTool({ name: echo.name, arguments: { schema } })
  },
  'http-custom-headers': async client => {
    await client.listTools()
    for (const { name, arguments: args } of given.toolCalls)
      await client.callTool({ name, arguments: args })
  },
  'http-standard-headers': async client => {
    await callAll(client)
    const { resources } = await client.listResources()
    for (const { uri } of resources) await client.readResource({ uri })
    const { prompts } = await client.listPrompts()
    for (const { name } of prompts) await client.getPrompt({ name })
  },
}

const { client, authorized } = await (scenario.startsWith('auth/') ? withOAuth() : signed())
if (scenario.startsWith('auth/')) {
  await authorized(() => client.listTools())
  await authorized(() => client.callTool({ name: 'test-tool', arguments: {} }))
} else await (steps[scenario] ?? (it => it.listTools()))(client)
await client.close()

/** All tools at once, with what their schemas ask for. */
async function callAll(client, isExpected = () => false) {
  const { tools } = await client.listTools()
  const calls = tools.map(async ({ name, inputSchema: { properties = {} } }) => {
    const args = Object.keys(properties).map(key => [key, 'us-west1'])
    await client.callTool({ name, arguments: Object.fromEntries(args) })
  })
  for (const { reason } of await Promise.allSettled(calls))
    if (reason && !isExpected(reason)) throw reason
}

async function signed() {
  const client = createClient()
  await client.connect(new SigV4StreamableHttpTransport(url, signing))
  return { client }
}

function createClient() {
  const client = new Client(
    { name: 'conformance', version: '1.0.0' },
    {
      capabilities: { elicitation: { form: { applyDefaults: true } } },
      versionNegotiation: { mode: revision === '2026-07-28' ? 'auto' : 'legacy' },
    },
  )
  client.setRequestHandler('elicitation/create', () => ({ action: 'accept', content: {} }))
  return client
}

/** A user who consents at once, whenever asked. */
async function withOAuth() {
  let callback
  const stored = {}
  const authProvider = {
    redirectUrl: 'http://localhost:3000/callback',
    clientMetadataUrl: 'https://conformance-test.local/client-metadata.json',
    clientMetadata: {
      client_name: 'conformance',
      redirect_uris: ['http://localhost:3000/callback'],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      application_type: 'native',
    },
    clientInformation: ctx => stored.client?.[ctx?.issuer] ?? preregistered(),
    saveClientInformation: (client, ctx) => {
      stored.client = { ...stored.client, [ctx?.issuer]: client }
    },
    tokens: () => stored.tokens,
    saveTokens: tokens => {
      stored.tokens = tokens
      // It was for the user's way there and back; the next time the server may name another authority.
      stored.discovery = undefined
    },
    discoveryState: () => stored.discovery,
    saveDiscoveryState: discovery => {
      stored.discovery = discovery
    },
    codeVerifier: () => stored.verifier,
    saveCodeVerifier: verifier => {
      stored.verifier = verifier
    },
    async redirectToAuthorization(authorization) {
      const answer = await fetch(authorization, { redirect: 'manual' })
      callback = new URL(answer.headers.get('location')).searchParams
    },
  }
  let transport
  const client = await authorize(async () => {
    const fresh = createClient()
    transport = new StreamableHTTPClientTransport(url, {
      authProvider,
      fetch: signedFetch(signing),
    })
    await fresh.connect(transport)
    return fresh
  })
  return { client, authorized: authorize }

  /** A server that is not content with the user's consent is asked no third time. */
  async function authorize(attempt, times = 3) {
    try {
      return await attempt()
    } catch (error) {
      if (!(error instanceof UnauthorizedError) || times === 1) throw error
      await transport.finishAuth(callback)
      return authorize(attempt, times - 1)
    }
  }
}

function preregistered() {
  const { client_id, client_secret } = given
  return client_id ? { client_id, client_secret } : undefined
}
