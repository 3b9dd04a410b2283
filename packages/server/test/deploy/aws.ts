import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { vi } from 'vitest'

/** The APIs of AWS that moto has. */
export interface Aws {
  endpoint: string
  tell(what: {
    /** Function URLs by function name, for stacks that are created after this call. */
    urls?: Record<string, string>
    /** Stacks that end like this, by name: events have resource, type, status and reason. */
    failing?: Record<string, { status: string; events: [string, string, string, string][] }>
  }): Promise<void>
  close(): Promise<void>
}

export async function startAws(python: string): Promise<Aws> {
  const script = fileURLToPath(new URL('aws.py', import.meta.url))
  const child = spawn(python, [script], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, MOTO_ACCOUNT_ID: '000000000000', AWS_DEFAULT_REGION: 'us-east-1' },
  })
  let output = ''
  let log = ''
  child.stdout.on('data', chunk => {
    output += chunk
  })
  child.stderr.on('data', chunk => {
    log = `${log}${chunk}`.slice(-5_000)
  })
  const ended = once(child, 'close')
  await vi.waitUntil(() => output.includes('\n') || child.exitCode !== null, { timeout: 60_000 })
  if (!output.includes('\n')) throw new Error(`moto did not start: ${log}`)
  return {
    endpoint: `http://127.0.0.1:${output.trim()}`,
    async tell(what) {
      const before = output
      child.stdin.write(`${JSON.stringify(what)}\n`)
      await vi.waitUntil(() => output !== before)
    },
    async close() {
      child.kill('SIGKILL')
      await ended
    },
  }
}
