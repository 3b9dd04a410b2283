// A gateway whose tables and functions are behind proxies that can fail.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { startLocal } from '@markvp/mcp-lambda-sam/local'
import { createAdminClient } from '@markvp/mcp-lambda-sam-admin-client'
import { signedFetch } from '@markvp/mcp-lambda-sam-client/sigv4'

import { startProxy } from './proxy.mjs'

const MCP = 'mcp-lambda-sam-mcp'
const SAMPLE_MS = 250

/** @typedef {Awaited<ReturnType<typeof startGateway>>} Gateway */

/**
 * @param {Record<string, string>} [environment]
 * @param {Pick<import('@markvp/mcp-lambda-sam/local').LocalOptions, 'timeouts'>} [options]
 */
export async function startGateway(environment = {}, options = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'mcp-lambda-sam-faults-'))
  const log = join(folder, 'runs')
  writeFileSync(log, '')
  const [tables, functions] = [await startProxy(), await startProxy()]
  /** @type {Map<string, number>} */
  const pidOf = new Map()
  /** @type {Map<string, number>} */
  const counts = new Map()
  /** @type {Set<number>} */
  const pids = new Set()
  let peak = 0
  const local = await startLocal({
    functions: fileURLToPath(new URL('functions', import.meta.url)),
    concurrency: 60,
    log: () => {},
    ...options,
    environment: {
      AWS_ENDPOINT_URL_DYNAMODB: tables.url,
      AWS_ENDPOINT_URL_LAMBDA: functions.url,
      POLL_BUSY_MS: '20',
      ...environment,
    },
    onInvocation({ functionName, pid, path = '', method = '' }) {
      if (functionName !== MCP) return
      pids.add(pid)
      const request = `${method} ${path}`
      pidOf.set(request, pid)
      counts.set(request, (counts.get(request) ?? 0) + 1)
    },
  })
  tables.upstream = local.dynamodbUrl
  functions.upstream = local.lambdaUrl
  const { region, credentials } = local
  const admin = createAdminClient({ url: local.registrationUrl, region, credentials })
  await admin.registerTool({
    name: 'note',
    lambdaArn: 'arn:aws:lambda:us-east-1:000000000000:function:note',
    parameters: { id: 'string', log: 'string', ms: 'integer?', size: 'integer?' },
  })
  const sampling = setInterval(() => {
    peak = Math.max(
      peak,
      ...local
        .pids()
        .filter(pid => pids.has(pid))
        .map(megabytes),
    )
  }, SAMPLE_MS)

  return {
    ...local,
    tables,
    functions,
    fetch: signedFetch({ region, credentials }),
    log,
    /** How often the function ran for each id. */
    runs() {
      /** @type {Map<string, number>} */
      const runs = new Map()
      for (const id of readFileSync(log, 'utf8').split('\n').filter(Boolean))
        runs.set(id, (runs.get(id) ?? 0) + 1)
      return runs
    },
    /**
     * How many requests of a kind, such as `GET /sse`, an environment has begun to serve.
     *
     * @param {string} request
     */
    invocationsOf: request => counts.get(request) ?? 0,
    /**
     * Ends the environment that serves the last request of a kind, such as `GET /sse`. False where
     * it has ended before.
     *
     * @param {string} request
     */
    kill(request) {
      const pid = pidOf.get(request)
      if (pid === undefined || !local.pids().includes(pid)) return false
      return process.kill(pid, 'SIGKILL')
    },
    /** The largest memory of an environment since the last call, in MB. */
    takePeak() {
      const taken = peak
      peak = 0
      return taken
    },
    async close() {
      clearInterval(sampling)
      await local.close()
      await Promise.all([tables.close(), functions.close()])
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/**
 * Resident memory. 0 where there is no /proc, or no such process any more.
 *
 * @param {number} pid
 */
function megabytes(pid) {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8')
    return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0) / 1024
  } catch {
    return 0
  }
}
