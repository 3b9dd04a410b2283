// The client under test. The suite starts it with the URL of each of its servers. It uses our
// signed transport. In the scenarios with OAuth it uses the official transport on `signedFetch`,
// which sends a request that has a token as it is.

import { appendFileSync } from 'node:fs'

import { SigV4StreamableHttpTransport, signedFetch } from '@markvp/mcp-lambda-sam-client'
import {
  Client,
  StreamableHTTPClientTransport,
  UnauthorizedError,
} from '@modelcontextprotocol/client'

const {
  MCP_CONFORMANCE_SCENARIO: scenario = '',
  MCP_CONFORMANCE_PROTOCOL_VERSION: version,
  MCP_CONFORMANCE_CONTEXT: context = '{}',
  CONFORMANCE_EXITS: exits = '',
} = process.env
// The suite ignores exit codes. A client that is killed, because its time is up, writes no line.
process.on('exit', code => appendFileSync(exits, `${scenario} ${code}\n`))

/**
 * @typedef {import('@modelcontextprotocol/client').OAuthClientProvider} OAuthClientProvider
 * @typedef {Parameters<NonNullable<OAuthClientProvider['saveClientInformation']>>[0]} ClientInformation
 * @typedef {Parameters<OAuthClientProvider['saveTokens']>[0]} Tokens
 * @typedef {Parameters<NonNullable<OAuthClientProvider['saveDiscoveryState']>>[0]} Discovery
 */

const url = new URL(process.argv[2] ?? '')
const signing = {
  region: 'us-east-1',
  credentials: { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'secret' },
}
/**
 * @type {{ toolCalls: { name: string, arguments: Record<string, unknown> }[], client_id?: string,
 * client_secret?: string }}
 */
const given = JSON.parse(context)

/**
 * What the client does in a scenario. In the others it lists the tools.
 *
 * @type {Record<string, (client: Client) => Promise<unknown>>}
 */
const steps = {
  tools_call: async client => {
    await client.listTools()
    await client.callTool({ name: 'add_numbers', arguments: { a: 5, b: 3 } })
  },
  'elicitation-sep1034-client-defaults': client => callAll(client),
  'sse-retry': client => callAll(client),
  // A result of one tool has no resultType. The SDK accepts that only in earlier protocol versions.
  'sep-2322-client-request-state': client => callAll(client, isWithoutResultType),
  'http-invalid-tool-headers': client => callAll(client),
  'json-schema-2020-12-preservation': async client => {
    const { tools } = await client.listTools()
    const echo = tools.find(it => it.inputSchema.properties?.['schema'])
    const other = tools.find(it => it !== echo)
    await client.callTool({ name: echo?.name ?? '', arguments: { schema: other?.inputSchema } })
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

if (scenario.startsWith('auth/')) {
  const { client, authorize } = await withOAuth()
  await authorize(() => client.listTools())
  await authorize(() => client.callTool({ name: 'test-tool', arguments: {} }))
  await client.close()
} else {
  const client = createClient()
  await client.connect(new SigV4StreamableHttpTransport(url, signing))
  await (steps[scenario] ?? (it => it.listTools()))(client)
  await client.close()
}

/**
 * Calls all tools at once, with the arguments that their schemas name.
 *
 * @param {Client} client
 * @param {(error: unknown) => boolean} [isExpected]
 */
async function callAll(client, isExpected = _error => false) {
  const { tools } = await client.listTools()
  const calls = tools.map(async ({ name, inputSchema: { properties = {} } }) => {
    const args = Object.keys(properties).map(key => [key, 'us-west1'])
    await client.callTool({ name, arguments: Object.fromEntries(args) })
  })
  for (const it of await Promise.allSettled(calls))
    if (it.status === 'rejected' && !isExpected(it.reason)) throw it.reason
}

/** @param {unknown} error */
function isWithoutResultType(error) {
  const { data } = /** @type {{ data?: { violation?: string } }} */ (error)
  return data?.violation === 'missing-resultType'
}

function createClient() {
  const client = new Client(
    { name: 'conformance', version: '1.0.0' },
    {
      capabilities: { elicitation: { form: { applyDefaults: true } } },
      versionNegotiation: { mode: version === '2026-07-28' ? 'auto' : 'legacy' },
    },
  )
  client.setRequestHandler('elicitation/create', () => ({ action: 'accept', content: {} }))
  return client
}

/** Connects for a user who gives consent at once, each time. */
async function withOAuth() {
  /**
   * @type {URLSearchParams | undefined} the query of the redirect back from the authorization
   * server
   */
  let callback
  /**
   * @type {{
   *   client?: Record<string, ClientInformation>,
   *   tokens?: Tokens,
   *   discovery?: Discovery | undefined,
   *   verifier?: string,
   * }}
   */
  const stored = {}
  /** @type {OAuthClientProvider} */
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
    clientInformation: context => stored.client?.[issuerOf(context)] ?? preregistered(),
    saveClientInformation: (client, context) => {
      stored.client = { ...stored.client, [issuerOf(context)]: client }
    },
    tokens: () => stored.tokens,
    saveTokens: tokens => {
      stored.tokens = tokens
      // It belongs to one round trip of the user. Next time the server may name another issuer.
      stored.discovery = undefined
    },
    discoveryState: () => stored.discovery,
    saveDiscoveryState: discovery => {
      stored.discovery = discovery
    },
    codeVerifier: () => stored.verifier ?? '',
    saveCodeVerifier: verifier => {
      stored.verifier = verifier
    },
    async redirectToAuthorization(authorization) {
      const response = await fetch(authorization, { redirect: 'manual' })
      callback = new URL(response.headers.get('location') ?? '').searchParams
    },
  }
  const fetchSigned = signedFetch(signing)
  let transport = new StreamableHTTPClientTransport(url, { authProvider, fetch: fetchSigned })
  const client = await authorize(async () => {
    const fresh = createClient()
    transport = new StreamableHTTPClientTransport(url, { authProvider, fetch: fetchSigned })
    await fresh.connect(transport)
    return fresh
  })
  return { client, authorize }

  /**
   * Repeats an attempt after the user's consent. The server may ask for consent twice.
   *
   * @template Result
   * @param {() => Promise<Result>} attempt
   * @returns {Promise<Result>}
   */
  async function authorize(attempt, times = 3) {
    try {
      return await attempt()
    } catch (error) {
      if (!(error instanceof UnauthorizedError) || times === 1 || !callback) throw error
      await transport.finishAuth(callback)
      return authorize(attempt, times - 1)
    }
  }
}

/** @param {{ issuer?: string } | undefined} context */
function issuerOf(context) {
  return context?.issuer ?? ''
}

function preregistered() {
  const { client_id, client_secret } = given
  if (!client_id) return undefined
  return client_secret === undefined ? { client_id } : { client_id, client_secret }
}
