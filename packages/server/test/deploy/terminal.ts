import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

import { BIN } from './command.ts'

const SCRIPT = fileURLToPath(new URL('terminal.py', import.meta.url))

/** Whether Python has terminals. On Windows it has none. */
export const hasTerminal = spawnSync('python3', ['-c', 'import pty']).status === 0

export const ENTER = '\r'
export const DOWN = '\u001b[B'
export const CTRL_C = '\u0003'

/** Runs the command on a terminal. Each turn is a pattern to wait for and the keys to type then. */
export async function play(
  args: string[],
  env: NodeJS.ProcessEnv,
  turns: [pattern: string, keys: string][],
) {
  const command = [process.execPath, BIN, ...args]
  const child = spawn('python3', [SCRIPT, JSON.stringify(turns), ...command], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...env, TERM: 'xterm' },
  })
  let shown = ''
  child.stdout.on('data', chunk => {
    shown += chunk
  })
  const [code] = await once(child, 'close')
  return { code: code as number, shown }
}
