import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { onTestFinished } from 'vitest'

import type { JsonRpcMessage } from '../../src/jsonrpc.ts'
import { KEY, REGION } from './verifier.ts'

/** The built command. */
export const COMMAND = fileURLToPath(new URL('../../dist/bridge/connect.js', import.meta.url))

export const SIGNED_ENVIRONMENT = {
  AWS_ACCESS_KEY_ID: KEY.accessKeyId,
  AWS_SECRET_ACCESS_KEY: KEY.secretAccessKey,
  AWS_REGION: REGION,
}

/** What a host gives to the command: nothing of this machine's AWS configuration. */
export function hostEnvironment(added: Record<string, string> = SIGNED_ENVIRONMENT) {
  const home = mkdtempSync(join(tmpdir(), 'mcp-lambda-sam-home-'))
  onTestFinished(() => rmSync(home, { recursive: true, force: true }))
  return {
    PATH: process.env['PATH'] ?? '',
    HOME: home,
    AWS_EC2_METADATA_DISABLED: 'true',
    ...added,
  }
}

/** A host that starts the command and speaks to it in raw lines. */
export interface Host {
  child: ChildProcess
  /** The lines of stdout. */
  lines: string[]
  stderr(): string
  write(text: string | Buffer): void
  send(message: object): void
  /** Resolves with the first message, now or later, that the condition accepts. */
  message(condition: (message: JsonRpcMessage) => boolean): Promise<JsonRpcMessage>
  response(id: string | number | null): Promise<JsonRpcMessage>
  /** Exit code or signal. */
  exit: Promise<number | string | null>
}

interface HostOptions {
  env?: Record<string, string>
  /** Leaves stdout unread. */
  reads?: boolean
}

export function startHost(
  args: string[],
  { env = hostEnvironment(), reads = true }: HostOptions = {},
): Host {
  const child = spawn(process.execPath, [COMMAND, ...args], { env })
  onTestFinished(() => void child.kill('SIGKILL'))
  const lines: string[] = []
  const waiting = new Set<() => void>()
  let rest = ''
  let stderr = ''
  if (reads)
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      const parts = (rest + text).split('\n')
      rest = parts.pop() ?? ''
      lines.push(...parts)
      for (const check of [...waiting]) check()
    })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  child.stdin.on('error', () => {}) // the command may end first
  const exit = new Promise<number | string | null>(resolve => {
    child.once('close', (code, signal) => resolve(code ?? signal))
  })

  const host: Host = {
    child,
    lines,
    stderr: () => stderr,
    write: text => void child.stdin.write(text),
    send: message => host.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`),
    message: condition =>
      new Promise((resolve, reject) => {
        const check = () => {
          const found = lines.map(it => JSON.parse(it) as JsonRpcMessage).find(condition)
          if (!found) return
          waiting.delete(check)
          resolve(found)
        }
        waiting.add(check)
        check()
        void exit.then(code => reject(new Error(`The command ended with ${code}: ${stderr}`)))
      }),
    response: id => host.message(it => it.id === id && it.method === undefined),
    exit,
  }
  return host
}

export const initializeParams = (protocolVersion = '2025-11-25') => ({
  protocolVersion,
  capabilities: {},
  clientInfo: { name: 'host', version: '1' },
})

/** Begins a session as a host does. */
export async function begin(host: Host): Promise<JsonRpcMessage> {
  host.send({ id: 'init', method: 'initialize', params: initializeParams() })
  const response = await host.response('init')
  host.send({ method: 'notifications/initialized' })
  return response
}
