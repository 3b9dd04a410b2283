// What the gateway adds to a function, measured on the local gateway as ratios within one run.
// Prints a table for docs/performance.md; nothing here passes or fails.
import {
  copyFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'

import { startLocal } from '@markvp/mcp-lambda-sam/local'
import { createAdminClient } from '@markvp/mcp-lambda-sam-admin-client'
import { SigV4SseTransport } from '@markvp/mcp-lambda-sam-client'
import { signedFetch } from '@markvp/mcp-lambda-sam-client/sigv4'
import { Client } from '@modelcontextprotocol/client'

const BUSY_CALLS = 300
const IDLE_CALLS = 30
const IDLE_PAUSE_MS = 3_000
const COLD_STARTS = 12

const functions = mkdtempSync(join(tmpdir(), 'mcp-lambda-sam-bench-'))
const hello = "export const handler = async ({ name }) => 'Hello, ' + name + '!'\n"
writeFileSync(join(functions, 'hello.mjs'), hello)
for (let n = 0; n < COLD_STARTS; n++)
  copyFileSync(join(functions, 'hello.mjs'), join(functions, `cold${n}.mjs`))

const local = await startLocal({ functions, concurrency: 40, log: () => {} })
const { region, credentials } = local
const fetch = signedFetch({ region, credentials })
const rows = []

try {
  await createAdminClient({ url: local.registrationUrl, region, credentials }).registerTool({
    name: 'hello',
    lambdaArn: 'arn:aws:lambda:us-east-1:000000000000:function:hello',
    parameters: { name: 'string' },
  })
  const client = new Client({ name: 'bench', version: '1.0.0' })
  await client.connect(new SigV4SseTransport(local.mcpUrl, { region, credentials }))
  const call = async () => {
    await client.callTool({ name: 'hello', arguments: { name: 'bench' } })
  }
  const direct = () => invoke('hello')

  await repeat(30, call)
  await repeat(30, direct)
  const [busyDirect, busyCall] = await alternate(BUSY_CALLS, direct, call)
  row('direct invoke, busy', busyDirect)
  row('tools/call over /sse, busy', busyCall, median(busyDirect))
  const [idleDirect, idleCall] = await alternate(IDLE_CALLS, direct, () =>
    afterPause(IDLE_PAUSE_MS, call),
  )
  row(`tools/call over /sse, ${IDLE_PAUSE_MS / 1000} s apart`, idleCall, median(idleDirect))
  await client.close()

  // A stream keeps its environment, so each further one starts cold; while its first message has not come it
  // loads what that will need, which the next measurement should not meet.
  const streams = []
  const [coldHello, coldMcp] = await alternate(
    COLD_STARTS,
    n => afterPause(1_000, () => invoke(`cold${n}`)),
    () =>
      afterPause(1_000, async () => {
        const { body } = await fetch(new URL('sse', local.mcpUrl))
        const reader = body.getReader()
        await reader.read()
        streams.push(reader)
      }),
  )
  row('cold start, hello world', coldHello)
  row('cold start, GET /sse to its first event', coldMcp, median(coldHello))
  await Promise.all(streams.map(reader => reader.cancel()))
} finally {
  await local.close()
  rmSync(functions, { recursive: true, force: true })
}

console.log(`Node ${process.version}, ${cpus().length} × ${cpus()[0].model}\n`)
console.log('| | p50 ms | p95 ms | over the comparison | ratio |\n|---|---|---|---|---|')
for (const it of rows) console.log(`| ${it.join(' | ')} |`)
console.log('\n| bundle | KB | gzip KB |\n|---|---|---|')
for (const name of ['mcp', 'registration']) {
  const folder = new URL(`../packages/server/dist/lambda/${name}/`, import.meta.url)
  const chunks = readdirSync(folder).filter(it => it.endsWith('.mjs'))
  const sources = chunks.map(it => readFileSync(new URL(it, folder)))
  const sum = sizes => kilobytes(sizes.reduce((total, size) => total + size, 0))
  console.log(
    `| ${name} | ${sum(sources.map(it => it.length))} | ${sum(sources.map(it => gzipSync(it).length))} |`,
  )
}

async function invoke(name) {
  const response = await fetch(
    new URL(`2015-03-31/functions/${name}/invocations`, local.lambdaUrl),
    {
      method: 'POST',
      body: '{"name":"bench"}',
    },
  )
  if ((await response.json()) !== 'Hello, bench!')
    throw new Error(`${name} answered ${response.status}`)
}

/** Milliseconds of each run; what a run returns instead, if it measured by itself. */
async function repeat(count, run, from = 0) {
  const times = []
  for (let n = from; n < from + count; n++) {
    const started = performance.now()
    const own = await run(n)
    times.push(own ?? performance.now() - started)
  }
  return times
}

async function afterPause(ms, run) {
  await sleep(ms)
  const started = performance.now()
  await run()
  return performance.now() - started
}

/** Turn and turn about, so that both see the same machine. */
async function alternate(count, one, other) {
  const times = [[], []]
  for (let n = 0; n < count; n++) {
    times[0].push(...(await repeat(1, one, n)))
    times[1].push(...(await repeat(1, other, n)))
  }
  return times
}

function row(name, times, comparison) {
  const p50 = median(times)
  rows.push([
    name,
    p50.toFixed(1),
    quantile(times, 0.95).toFixed(1),
    comparison ? `+${(p50 - comparison).toFixed(1)}` : '',
    comparison ? (p50 / comparison).toFixed(2) : '',
  ])
}

function quantile(times, q) {
  return times.toSorted((a, b) => a - b)[Math.floor(q * (times.length - 1))]
}

function median(times) {
  return quantile(times, 0.5)
}

function kilobytes(bytes) {
  return (bytes / 1024).toFixed(0)
}
