// What the stdio bridge adds to a call, and how soon it gives its first answer, beside the proxy of
// AWS (`mcp-proxy-for-aws` from PyPI) in front of the same gateway. Without Python the proxy is
// skipped.
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

import { python } from '../scripts/python.mjs'
import { CALL, check, startGateway } from './gateway.mjs'
import { sessionClient } from './requests.mjs'
import { table } from './table.mjs'
import { median, quantile, takeTurns } from './turns.mjs'

const COMMAND = fileURLToPath(new URL('../packages/client/dist/bridge/connect.js', import.meta.url))
const PARAMS = {
  protocolVersion: '2025-11-25',
  capabilities: {},
  clientInfo: { name: 'bench', version: '1.0.0' },
}

/** @typedef {{ command: string, args: string[], env: Record<string, string> }} Command */

/** @param {import('./run.mjs').Options} options */
export default async function bridge({ times }) {
  const gateway = await startGateway()
  const { accessKeyId, secretAccessKey } = gateway.credentials
  const env = {
    PATH: process.env['PATH'] ?? '',
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    AWS_REGION: gateway.region,
  }
  const { path, reason } = python({ packages: 'bridge-requirements.txt', folder: 'bridge' })
  const url = new URL('mcp', gateway.mcpUrl).href
  const signing = ['--service', 'lambda', '--region', gateway.region]
  /** @type {Record<string, Command>} */
  const commands = {
    bridge: { command: process.execPath, args: [COMMAND, url], env },
    ...(path && {
      'mcp-proxy-for-aws': {
        command: path,
        args: ['-m', 'mcp_proxy_for_aws.server', url, ...signing],
        env,
      },
    }),
  }
  /** @type {Awaited<ReturnType<typeof start>>[]} */
  const running = []
  try {
    const starts = await takeTurns(times(20), {
      'bare Node': () => untilExit(process.execPath, ['--eval', '0']),
      ...Object.fromEntries(
        Object.entries(commands).map(([name, command]) => [name, () => firstAnswer(command)]),
      ),
    })
    const direct = await sessionClient(gateway)
    /** @type {Record<string, () => Promise<void>>} */
    const callers = { direct: async () => check(await direct('tools/call', CALL)) }
    for (const [name, command] of Object.entries(commands)) {
      const host = await start(command)
      running.push(host)
      callers[name] = async () => check(await host.request('tools/call', CALL))
    }
    await takeTurns(times(100), callers)
    const calls = await takeTurns(times(500), callers)
    return [
      table(['spawn to first answer', 'p50 ms', 'p95 ms', 'of the proxy'], rows(starts, ratio)),
      table(['tools/call', 'p50 ms', 'p95 ms', 'adds ms'], rows(calls, added)),
      ...(reason ? [`SKIPPED mcp-proxy-for-aws: ${reason}`] : []),
    ].join('\n\n')

    /** @param {string} name */
    function ratio(name) {
      const proxy = starts['mcp-proxy-for-aws']
      return proxy ? (median(starts[name] ?? []) / median(proxy)).toFixed(2) : ''
    }

    /** @param {string} name */
    function added(name) {
      return (median(calls[name] ?? []) - median(calls['direct'] ?? [])).toFixed(1)
    }
  } finally {
    for (const host of running) host.end()
    await gateway.close()
  }
}

/**
 * @param {Record<string, number[]>} times
 * @param {(name: string) => string} compare
 */
function rows(times, compare) {
  return Object.entries(times).map(([name, own]) => [
    name,
    median(own).toFixed(1),
    quantile(own, 0.95).toFixed(1),
    compare(name),
  ])
}

/**
 * Milliseconds from the spawn to the response to `initialize`.
 *
 * @param {Command} command
 */
async function firstAnswer(command) {
  const started = performance.now()
  const host = await start(command)
  const took = performance.now() - started
  host.end()
  await host.exit
  return took
}

/**
 * A host that has begun a session.
 *
 * @param {Command} command
 */
async function start({ command, args, env }) {
  const child = spawn(command, args, { env, stdio: ['pipe', 'pipe', 'ignore'] })
  /** @type {Map<unknown, (result: Record<string, unknown>) => void>} */
  const waiting = new Map()
  let lastId = 0
  createInterface({ input: child.stdout }).on('line', line => {
    const { id, result, error } = JSON.parse(line)
    waiting.get(id)?.(result ?? { error })
    waiting.delete(id)
  })
  const host = {
    exit: new Promise(resolve => child.once('exit', resolve)),
    end: () => void child.stdin.end(),
    /**
     * @param {string} method
     * @param {object} params
     * @returns {Promise<Record<string, unknown>>}
     */
    request: (method, params) =>
      new Promise(resolve => {
        const id = ++lastId
        waiting.set(id, resolve)
        write({ id, method, params })
      }),
  }
  await host.request('initialize', PARAMS)
  write({ method: 'notifications/initialized' })
  return host

  /** @param {object} message */
  function write(message) {
    child.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`)
  }
}

/**
 * @param {string} command
 * @param {string[]} args
 */
async function untilExit(command, args) {
  await new Promise(resolve => spawn(command, args, { stdio: 'ignore' }).once('exit', resolve))
}
