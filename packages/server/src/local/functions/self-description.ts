import { spawn } from 'node:child_process'
import { dirname } from 'node:path'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'

import { isRecord } from '../../is-record.ts'
import { environmentOf } from '../execution-environment.ts'
import type { LambdaFunction } from '../lambda-function.ts'
import type { Log } from '../log.ts'
import { readLogLines } from '../log-lines.ts'
import { CAN_FREEZE, type Processes, signal } from '../processes.ts'

/** What a function says about itself when it is loaded. */
export type SelfDescription =
  /** A registration without the ARN of the function. */
  | { type: 'described'; registration: Record<string, unknown> }
  /** A plain function: any Lambda function. */
  | { type: 'plain' }
  | { type: 'failed'; message: string }

export interface DescribeHost {
  /** Path of the built runtime/describe.ts. */
  script: string
  processes: Processes
  log: Log
}

/** As for the init of a function. */
const LIMIT_SECONDS = 10

/** Loads a JavaScript function in a process of its own. Functions in Python are plain. */
export async function selfDescription(
  fn: LambdaFunction,
  { script, processes, log }: DescribeHost,
): Promise<SelfDescription> {
  if (fn.python) return { type: 'plain' }
  const child = spawn(process.execPath, [script], {
    cwd: fn.directory,
    env: environmentOf(fn, dirname(script), ''),
    detached: CAN_FREEZE,
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    windowsHide: true,
  })
  const { pid } = child
  if (pid === undefined)
    return new Promise(resolve =>
      child.once('error', ({ message }) => resolve({ type: 'failed', message })),
    )
  processes.watch(pid)
  for (const stream of [child.stdout, child.stderr])
    if (stream)
      readLogLines(stream, message => log({ level: 'info', functionName: fn.name, message }))
  let isLate = false
  const timer = setTimeout(() => {
    isLate = true
    signal(pid, 'SIGKILL')
  }, LIMIT_SECONDS * 1000)
  const ended = new Promise<number | null>(resolve => child.once('exit', resolve))
  const output = await text(child.stdio[3] as unknown as Readable).catch(() => '')
  const code = await ended
  clearTimeout(timer)
  processes.forget(pid)
  if (isLate) return failed(`Loading it took more than ${LIMIT_SECONDS} seconds`)
  return (
    parse(output, dirname(script)) ??
    failed(`Loading it ended the process with exit status ${code}`)
  )
}

/** The frames of the runtime itself say nothing to an author. */
function parse(output: string, runtimeFolder: string): SelfDescription | undefined {
  if (output === '') return undefined
  const { registration, error } = JSON.parse(output)
  if (isRecord(registration)) return { type: 'described', registration }
  if (!isRecord(error)) return { type: 'plain' }
  const { errorType, errorMessage, trace } = error
  const lines = Array.isArray(trace) ? trace.map(String) : []
  const frames = lines.filter(it => /^\s+at /.test(it) && !it.includes(runtimeFolder))
  return failed([`${errorType}: ${errorMessage}`, ...frames].join('\n'))
}

const failed = (message: string): SelfDescription => ({ type: 'failed', message })
