import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { onTestFinished } from 'vitest'

import { until } from '../support/gateway.ts'

export interface Command {
  /** What it has written to stdout and stderr so far. */
  output(): string
  /** Waits until the output has `text`; rejects with the output when the command ends before. */
  shows(text: string | RegExp): Promise<void>
  /** Waits for its end. Resolves with the exit code, null after a signal. */
  end(): Promise<number | null>
  stop(signal?: NodeJS.Signals): void
}

/** Starts a command. It is stopped when the test ends. */
export function start(
  [command = '', ...args]: string[],
  { cwd, env = {} }: { cwd?: string; env?: Record<string, string> } = {},
): Command {
  const child = spawn(command, args, {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  child.stdout.setEncoding('utf8').on('data', chunk => (output += chunk))
  child.stderr.setEncoding('utf8').on('data', chunk => (output += chunk))
  let closed = false
  const ended = once(child, 'close').then(([code]) => {
    closed = true
    return code as number | null
  })
  onTestFinished(async () => {
    child.kill('SIGKILL')
    await ended.catch(() => {}) // it could not be started: the test has failed with the reason
  })
  return {
    output: () => output,
    async shows(text) {
      const has = () => (typeof text === 'string' ? output.includes(text) : text.test(output))
      await until(() => has() || closed, `${text} in the output: ${output}`)
      if (!has()) throw new Error(`The command ended without ${text}: ${output}`)
    },
    end: () => ended,
    stop: signal => void child.kill(signal),
  }
}
