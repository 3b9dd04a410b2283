import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { startLocal } from '@markvp/mcp-lambda-sam/local'
import { createAdminClient } from '@markvp/mcp-lambda-sam-admin-client'
import { signedFetch } from '@markvp/mcp-lambda-sam-client/sigv4'

export const MCP = 'mcp-lambda-sam-mcp'

const WAIT = `export async function handler({ ms }) {
  await new Promise(resolve => setTimeout(resolve, ms))
  return 'waited'
}
`
const SOURCE = "export const handler = async ({ name }) => 'Hello, ' + name + '!'\n"
export const HELLO = {
  type: /** @type {const} */ ('tool'),
  name: 'hello',
  lambdaArn: 'arn:aws:lambda:us-east-1:000000000000:function:hello',
  parameters: /** @type {const} */ ({ name: 'string' }),
}

/** The tool call that is measured, and its output. */
export const CALL = { name: 'hello', arguments: { name: 'bench' } }
const OUTPUT = 'Hello, bench!'

/** @typedef {Awaited<ReturnType<typeof startGateway>>} Gateway */

/**
 * Starts the built handlers on a local gateway, with a function that returns at once and is
 * registered as the tool `hello`. The local gateway emulates Lambda on the same machine, so every
 * time includes its work. A function in `onInit` is called when an environment of the function with
 * that name has ended its INIT.
 *
 * @param {import('@markvp/mcp-lambda-sam/local').LocalOptions & {
 *   onEach?: import('@markvp/mcp-lambda-sam/local').LocalOptions['onInvocation'],
 *   onStart?: (local: import('@markvp/mcp-lambda-sam/local').Local) => void,
 * }} [options] `onEach` is called for each invocation, `onStart` before the first
 */
export async function startGateway({ onEach, onStart, ...rest } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'mcp-lambda-sam-bench-'))
  writeFileSync(join(folder, 'hello.mjs'), SOURCE)
  writeFileSync(join(folder, 'wait.mjs'), WAIT)
  /** @type {Map<number, string>} */
  const functionOf = new Map()
  /** @type {Record<string, (pid: number) => void>} */
  const onInit = {}
  const local = await startLocal({
    functions: folder,
    concurrency: 40,
    log: () => {},
    // Its first invocation: the environment has ended its INIT, and asked for work.
    onInvocation(invocation) {
      const { pid, functionName } = invocation
      onEach?.(invocation)
      if (functionOf.has(pid)) return
      functionOf.set(pid, functionName)
      onInit[functionName]?.(pid)
    },
    ...rest,
  })
  onStart?.(local)
  const { region, credentials } = local
  const fetch = signedFetch({ region, credentials })
  const admin = createAdminClient({ url: local.registrationUrl, region, credentials })
  await admin.registerTool(HELLO)

  return { ...local, fetch, admin, onInit, invoke, health, pids, makeCold, close }

  /**
   * Calls the function without the gateway, by a signed `Invoke`.
   *
   * @returns {Promise<void>}
   */
  async function invoke() {
    const url = new URL('2015-03-31/functions/hello/invocations', local.lambdaUrl)
    const response = await fetch(url, { method: 'POST', body: JSON.stringify(CALL.arguments) })
    // A single environment is free only a moment after its last response.
    if (response.status === 429) {
      await response.body?.cancel()
      return invoke()
    }
    if ((await response.json()) !== OUTPUT) throw new Error(`Invoke failed with ${response.status}`)
  }

  /**
   * A signed request to which the mcp function responds at once: the cost of the path to it and
   * back.
   */
  async function health() {
    const response = await fetch(new URL('health', local.mcpUrl))
    if ((await response.json()).status !== 'ok') throw new Error('the gateway is not healthy')
  }

  /**
   * Process ids of the running environments of a function.
   *
   * @param {string} name
   */
  function pids(name) {
    return local.pids().filter(pid => functionOf.get(pid) === name)
  }

  /**
   * Ends the environments of a function, so that its next request starts a new one.
   *
   * @param {string} name
   */
  async function makeCold(name) {
    const old = pids(name)
    for (const pid of old) process.kill(pid, 'SIGKILL')
    while (local.pids().some(pid => old.includes(pid)))
      await new Promise(resolve => setTimeout(resolve, 20))
  }

  async function close() {
    await local.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

/**
 * Throws unless this is the result of `CALL`.
 *
 * @param {unknown} result
 */
export function check(result) {
  const { content } = /** @type {{ content?: { text?: string }[] }} */ (result ?? {})
  if (content?.[0]?.text !== OUTPUT) throw new Error(`Unexpected result: ${JSON.stringify(result)}`)
}
