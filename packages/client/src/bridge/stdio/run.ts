import { constants } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'

import { ClientError } from '../../errors.ts'
import { createConnection, type TransportChoice } from '../connection.ts'
import { type GatewaySettings, transportOptions } from '../gateway-options.ts'
import type { Log } from '../log.ts'
import { loginHint } from '../login-hint.ts'
import { createBridge } from './bridge.ts'
import { createLineReader } from './lines.ts'
import { createOutput } from './output.ts'

interface StdioSettings extends GatewaySettings {
  transport: TransportChoice
  timeoutMs: number | undefined
  log: Log
}

const FOR_PEOPLE = `This waits for a program that writes JSON-RPC to its stdin. To look at the gateway yourself:
  mcp-lambda-sam-connect list <url>`

/** How long the end waits for the server to end the session, and for the host to read. */
const FAREWELL_MS = 1_500

/** A full bridge reads one chunk in this time: only a reader sees the end of stdin. */
const PEEK_MS = 1_000

/**
 * Serves one host on stdin and stdout. Ends the process when stdin ends, on a signal, and when the
 * host is gone. Nothing is sent before the first message of the host.
 */
export function runStdio(settings: StdioSettings): void {
  const { url, transport, timeoutMs, log } = settings
  const { stdin, stdout } = process
  const connection = createConnection({
    url,
    choice: transport,
    options: transportOptions(settings),
    onMessage: message => bridge.deliver(message),
    log,
  })
  const output = createOutput({
    stream: stdout,
    onDrain: () => bridge.resume(),
    onLost(reason) {
      log.error(reason)
      void end(1)
    },
  })
  const bridge = createBridge({
    connection,
    output,
    log,
    timeoutMs,
    hintFor: async error =>
      error instanceof ClientError ? loginHint(error, settings.profile) : undefined,
    onSpace: () => stdin.resume(),
  })
  const readLines = createLineReader(line => bridge.receive(line))
  let peek: NodeJS.Timeout | undefined
  stdin.on('data', chunk => {
    clearTimeout(peek)
    readLines(chunk)
    if (!bridge.isFull) return
    stdin.pause()
    peek = setTimeout(() => stdin.resume(), PEEK_MS)
  })
  stdin.on('end', () => void end(0))
  stdin.on('error', () => void end(0)) // the host closed its side of the pipe
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.once(signal, () => void end(128 + constants.signals[signal]))
  log.info(`Ready for ${url.origin}`)
  if (stdin.isTTY) process.stderr.write(`${FOR_PEOPLE}\n`)

  let isEnding = false
  async function end(code: number) {
    if (isEnding) return
    isEnding = true
    clearTimeout(peek)
    stdin.pause()
    const flushed = new Promise<void>(resolve => stdout.write('', () => resolve()))
    const closed = connection.close().catch(({ message }) => log.info(message))
    await Promise.race([Promise.all([closed, flushed]), sleep(FAREWELL_MS)])
    process.exit(code)
  }
}
