import { mkdir, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'

import { startLocal } from '@markvp/mcp-lambda-sam/local'
import { createAdminClient } from '@markvp/mcp-lambda-sam-admin-client'

import { startTablesProxy } from './controls.mjs'
import { registrations } from './manifest.mjs'
import { startProxy } from './proxy.mjs'

/** Kept out of git: what the referee saves, and the gateway's log. */
export const output = fileURLToPath(new URL('../../.cache/conformance/', import.meta.url))

/**
 * The built stack, in it the everything-server of the suite as Lambda functions, registered as anybody's, and the
 * proxy in front; all warm. A control may decide what the tables `answer`, and `alter` what the proxy returns.
 */
export async function startEverything({ answer, alter } = {}) {
  await mkdir(output, { recursive: true })
  const logged = []
  const closers = []
  try {
    const tables = answer && (await opened(startTablesProxy(answer)))
    const local = await start({ ...(tables && { AWS_ENDPOINT_URL_DYNAMODB: tables.url }) })
    tables?.to(local.dynamodbUrl)
    const shared = {
      AWS_ENDPOINT_URL_DYNAMODB: tables?.url ?? local.dynamodbUrl,
      AWS_ENDPOINT_URL_LAMBDA: local.lambdaUrl,
      // The first one does not know the roles of the others.
      AWS_ACCESS_KEY_ID: local.credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: local.credentials.secretAccessKey,
      AWS_SESSION_TOKEN: '',
    }
    // Lambda, and so the local gateway, prefers the environment used last. The referee sends one request after the
    // other, and would only ever meet that one: so it meets several gateways in turn, on the same tables.
    const others = [await start(shared), await start(shared)]
    await register(local)
    const { region, credentials } = local
    const gateways = [local, ...others].map(it => it.mcpUrl)
    const proxy = await opened(startProxy({ gateways, region, credentials, alter }))
    const url = new URL('mcp', proxy.url).href
    await warm(url)
    return { url, close }
  } catch (error) {
    await close()
    throw error
  }

  function start(environment) {
    return opened(
      startLocal({
        functions: fileURLToPath(new URL('functions', import.meta.url)),
        // The proxy's host is another than the gateway's, as it would be before a deployed one.
        environment: { ALLOWED_ORIGINS: 'localhost,127.0.0.1', ...environment },
        concurrency: 60,
        // The referee hangs up on its streams, of which a function hears nothing: they end with its time.
        timeouts: { mcp: 60 },
        log: entry => logged.push(`${JSON.stringify(entry)}\n`),
      }),
    )
  }

  async function opened(opening) {
    const it = await opening
    closers.unshift(it.close)
    return it
  }

  async function close() {
    for (const end of closers) await end()
    await writeFile(`${output}gateway.log`, logged.join(''))
  }
}

async function register({ registrationUrl, region, credentials }) {
  // What a function on AWS would have in its environment.
  await writeFile(`${output}gateway.json`, JSON.stringify({ registrationUrl }))
  const admin = createAdminClient({ url: registrationUrl, region, credentials })
  const { registerTool: tool, registerResource: resource, registerPrompt: prompt } = admin
  for (const { type, ...it } of registrations) await { tool, resource, prompt }[type](it)
}

/** A cold start in some of the scenarios' windows of 500 ms would fail them for what is no fault. */
async function warm(url) {
  const calls = [
    ['tools/call', { name: 'test_tool_with_progress' }, 24],
    ['tools/call', { name: 'test_simple_text' }, 3],
    ['tools/call', { name: 'test_trigger_tool_change' }, 2],
    ['prompts/get', { name: 'test_input_required_result_prompt' }, 3],
    ['prompts/get', { name: 'test_simple_prompt' }, 1],
    ['resources/read', { uri: 'test://static-text' }, 1],
  ]
  for (const [method, params, times] of calls)
    await Promise.all(Array.from({ length: times }, () => call(url, method, params)))
}

async function call(url, method, params) {
  const response = await fetch(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
    },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
  })
  const answer = await response.text()
  if (!response.ok) throw new Error(`${method}: ${response.status} ${answer}`)
}
