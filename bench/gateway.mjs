import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { startLocal } from '@markvp/mcp-lambda-sam/local'
import { createAdminClient } from '@markvp/mcp-lambda-sam-admin-client'
import { signedFetch } from '@markvp/mcp-lambda-sam-client/sigv4'

export const MCP = 'mcp-lambda-sam-mcp'

const SOURCE = "export const handler = async ({ name }) => 'Hello, ' + name + '!'\n"
export const HELLO = {
  type: 'tool',
  name: 'hello',
  lambdaArn: 'arn:aws:lambda:us-east-1:000000000000:function:hello',
  parameters: { name: 'string' },
}

/** The call that everything here makes. */
export const CALL = { name: 'hello', arguments: { name: 'bench' } }
const ANSWER = 'Hello, bench!'

/**
 * The built handlers on a local gateway, with a function that answers at once and is registered as the tool `hello`.
 * Everything is slower by what the gateway's own processes take of the machine: it is the emulation of Lambda.
 */
export async function startGateway(options = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'mcp-lambda-sam-bench-'))
  writeFileSync(join(folder, 'hello.mjs'), SOURCE)
  const functionOf = new Map()
  const local = await startLocal({
    functions: folder,
    concurrency: 40,
    log: () => {},
    onInvocation: ({ pid, functionName }) => functionOf.set(pid, functionName),
    ...options,
  })
  const { region, credentials } = local
  const fetch = signedFetch({ region, credentials })
  const admin = createAdminClient({ url: local.registrationUrl, region, credentials })
  await admin.registerTool(HELLO)

  return { ...local, fetch, admin, invoke, health, pids, makeCold, close }

  /** What a program does that calls the function without a gateway: a signed `Invoke`. */
  async function invoke() {
    const url = new URL('2015-03-31/functions/hello/invocations', local.lambdaUrl)
    const response = await fetch(url, { method: 'POST', body: JSON.stringify(CALL.arguments) })
    if ((await response.json()) !== ANSWER) throw new Error(`Invoke answered ${response.status}`)
  }

  /** A signed request that the mcp function answers at once: what the way to it costs, and back. */
  async function health() {
    const response = await fetch(new URL('health', local.mcpUrl))
    if ((await response.json()).status !== 'ok') throw new Error('the gateway is not healthy')
  }

  /** Of the environments of a function that run now. */
  function pids(name) {
    return local.pids().filter(pid => functionOf.get(pid) === name)
  }

  /** Ends the environments of a function, so that its next request starts one. */
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

/** Throws unless this is what `CALL` is answered with. */
export function check(result) {
  if (result?.content?.[0]?.text !== ANSWER) throw new Error(`answered ${JSON.stringify(result)}`)
}
