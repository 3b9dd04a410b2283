import { randomBytes } from 'node:crypto'
import { constants } from 'node:os'

import { ClientError } from '../../errors.ts'
import { signedFetch } from '../../signing/signed-fetch.ts'
import { type GatewaySettings, transportOptions } from '../gateway-options.ts'
import type { Log } from '../log.ts'
import { loginHint } from '../login-hint.ts'
import { UsageError } from '../usage-error.ts'
import { startProxy } from './proxy.ts'

interface ProxySettings extends GatewaySettings {
  port: string
  /** What clients must send; undefined: a random one; false: nothing. */
  token: string | undefined | false
  json: boolean
  log: Log
}

/** Runs until a signal ends it. Resolves with the exit code. */
export async function runProxy(settings: ProxySettings): Promise<number> {
  const { url, headers, json, log } = settings
  const token =
    settings.token === false ? undefined : (settings.token ?? randomBytes(24).toString('base64url'))
  // Listen before the start: an early signal must not be lost.
  const ended = endingSignal()
  const proxy = await startProxy({
    url,
    port: portOf(settings.port),
    token,
    headers,
    signedFetch: signedFetch(transportOptions(settings)),
    hintFor: async error =>
      error instanceof ClientError ? loginHint(error, settings.profile) : undefined,
    log,
  }).catch(error => {
    if (error.syscall !== 'listen') throw error
    const reason = error.code === 'EADDRINUSE' ? 'is taken' : `cannot be used (${error.code})`
    throw new UsageError(`Port ${settings.port} ${reason}. "--http 0" takes a free one.`)
  })
  const base = `http://127.0.0.1:${proxy.port}`
  console.log(
    json
      ? JSON.stringify({ url: `${base}/mcp`, sseUrl: `${base}/sse`, token })
      : textOf(base, token),
  )
  const signal = await ended
  await proxy.close()
  return 128 + constants.signals[signal]
}

function textOf(base: string, token: string | undefined): string {
  const header = token === undefined ? 'none' : `Authorization: Bearer ${token}`
  return `Streamable HTTP  ${base}/mcp
HTTP+SSE         ${base}/sse
Header           ${header}

Ctrl-C ends it.`
}

function portOf(value: string): number {
  if (/^\d+$/.test(value) && Number(value) < 65_536) return Number(value)
  throw new UsageError(
    `--http takes a port number up to 65535, or 0 for a free one, not "${value}"`,
  )
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

function endingSignal(): Promise<(typeof SIGNALS)[number]> {
  return new Promise(resolve => {
    for (const signal of SIGNALS) process.once(signal, () => resolve(signal))
  })
}
