import { mkdir, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'

import { startLocal } from '@markvp/mcp-lambda-sam/local'
import { createAdminClient } from '@markvp/mcp-lambda-sam-admin-client'

import { startTablesProxy } from './controls.mjs'
import { registrations } from './manifest.mjs'
import { startProxy } from './proxy.mjs'

/** The folder for the files of the suite and the gateway's log. Git ignores it. */
export const output = fileURLToPath(new URL('../../.cache/conformance/', import.meta.url))

/**
 * Starts the built stack with the suite's everything-server as Lambda functions, and the proxy in
 * front of it. All environments are warm. A control may decide how the tables `respond`, and
 * `alter` the proxy's responses.
 *
 * @param {Pick<import('./controls.mjs').Control, 'respond' | 'alter'>} [control]
 */
export async function startEverything({ respond, alter } = {}) {
  await mkdir(output, { recursive: true })
  /** @type {string[]} */
  const logged = []
  /** @type {(() => Promise<void>)[]} */
  const closers = []
  try {
    const tables = respond && (await opened(startTablesProxy(respond)))
    const local = await start(tables ? { AWS_ENDPOINT_URL_DYNAMODB: tables.url } : {})
    tables?.to(local.dynamodbUrl)
    const shared = {
      AWS_ENDPOINT_URL_DYNAMODB: tables?.url ?? local.dynamodbUrl,
      AWS_ENDPOINT_URL_LAMBDA: local.lambdaUrl,
      // The first gateway does not know the roles of the others.
      AWS_ACCESS_KEY_ID: local.credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: local.credentials.secretAccessKey,
      AWS_SESSION_TOKEN: '',
    }
    // Lambda, and so the local gateway, prefers the environment that it used last. The suite
    // sends one request after the other and would only meet that one. So several gateways on the
    // same tables take turns.
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

  /** @param {Record<string, string>} environment */
  function start(environment) {
    return opened(
      startLocal({
        functions: fileURLToPath(new URL('functions', import.meta.url)),
        push: true,
        // The proxy has another host than the gateway, as in front of a deployed one.
        environment: { ALLOWED_ORIGINS: 'localhost,127.0.0.1', ...environment },
        concurrency: 60,
        // The suite closes its streams early. A function cannot see that, so its streams end with
        // its timeout.
        timeouts: { mcp: 60 },
        log: entry => logged.push(`${JSON.stringify(entry)}\n`),
      }),
    )
  }

  /**
   * Notes how to close what is opened.
   *
   * @template {{ close(): Promise<void> }} Opened
   * @param {Promise<Opened>} opening
   */
  async function opened(opening) {
    const it = await opening
    closers.unshift(() => it.close())
    return it
  }

  async function close() {
    for (const end of closers) await end()
    await writeFile(`${output}gateway.log`, logged.join(''))
  }
}

/** @param {import('@markvp/mcp-lambda-sam/local').Local} local */
async function register({ registrationUrl, region, credentials }) {
  // On AWS a function would have the URL in its environment, and a role that may use it.
  await writeFile(
    `${output}gateway.json`,
    JSON.stringify({ url: registrationUrl, region, credentials }),
  )
  const admin = createAdminClient({ url: registrationUrl, region, credentials })
  for (const it of registrations)
    switch (it.type) {
      case 'tool':
        await admin.registerTool(it)
        break
      case 'resource':
        await admin.registerResource(it)
        break
      case 'prompt':
        await admin.registerPrompt(it)
    }
}

/**
 * Starts the environments before the suite does. Some scenarios allow 500 ms, which a cold start
 * exceeds.
 *
 * @param {string} url
 */
async function warm(url) {
  /** @type {[method: string, params: object, times: number][]} */
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

/**
 * @param {string} url
 * @param {string} method
 * @param {object} params
 */
async function call(url, method, params) {
  const response = await fetch(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
    },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
  })
  const text = await response.text()
  if (!response.ok) throw new Error(`${method}: ${response.status} ${text}`)
}
