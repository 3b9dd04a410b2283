import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { dirname } from 'node:path'

import { type LambdaFunction, REGION } from './function-arn.ts'
import type { FunctionError, Invocation, Reply } from './invocation.ts'
import type { Log } from './log.ts'
import { onLine } from './log-lines.ts'
import { CAN_FREEZE, type Processes, signal } from './processes.ts'
import { startRuntimeApi } from './runtime-api.ts'

/** One process that runs one function, one invocation at a time; stopped in between. */
export interface Environment {
  pid: number
  /** Only while it is idle. */
  invoke(invocation: Invocation): Promise<Reply>
  kill(): void
}

/** What all environments of a gateway share. */
export interface Host {
  /** The built runtime client. */
  bootstrap: string
  /** Endpoints and credentials. */
  variables: Record<string, string>
  processes: Processes
  log: Log
}

export interface EnvironmentEvents {
  onIdle(environment: Environment): void
  onExit(environment: Environment): void
}

const INIT_SECONDS = 10

/** Resolves at the first `/next` of the process, or with what kept it from getting there. */
export async function startEnvironment(
  fn: LambdaFunction,
  { bootstrap, variables, processes, log }: Host,
  { onIdle, onExit }: EnvironmentEvents,
): Promise<Environment | FunctionError> {
  const ready = defer<Environment | FunctionError>()
  const gone = defer<FunctionError>()
  let requestId: string | undefined
  let cause: FunctionError | undefined
  let deadline: NodeJS.Timeout | undefined
  let started = false

  const api = await startRuntimeApi({
    onIdle() {
      clearTimeout(deadline)
      requestId = undefined
      if (started) onIdle(environment)
      started = true
      ready.resolve(environment)
      signal(environment.pid, 'SIGSTOP')
    },
    onInitError(error) {
      if (!started) cause = error
    },
    onCut() {
      // A process that lost its connection in the middle of a response is not used again.
      environment.kill()
      return gone.promise
    },
  })

  const child = spawn(process.execPath, [bootstrap], {
    cwd: fn.directory,
    env: { ...systemVariables(fn, api.address, bootstrap), ...variables, ...fn.variables },
    // A group of its own: Ctrl-C in the terminal is ours to handle, and a signal reaches its children.
    detached: CAN_FREEZE,
    stdio: ['ignore', 'pipe', 'pipe'],
    windowsHide: true,
  })
  const { pid } = child
  if (pid === undefined) {
    api.close()
    return new Promise(resolve => child.once('error', error => resolve(notStarted(error))))
  }
  processes.watch(pid)
  const environment: Environment = { pid, invoke, kill: () => signal(pid, 'SIGKILL') }

  for (const output of [child.stdout, child.stderr])
    onLine(output, message =>
      log({ level: 'info', functionName: fn.name, message, ...(requestId && { requestId }) }),
    )

  expire(INIT_SECONDS, `Init timed out after ${INIT_SECONDS}.00 seconds`)
  child.once('exit', (code, name) => ended(exitError(code, name, requestId)))

  return ready.promise

  function invoke(invocation: Invocation): Promise<Reply> {
    requestId = invocation.requestId
    expire(
      fn.timeout,
      `RequestId: ${requestId} Error: Task timed out after ${fn.timeout.toFixed(2)} seconds`,
    )
    signal(environment.pid, 'SIGCONT')
    return api.deliver(invocation, Date.now() + fn.timeout * 1000)
  }

  function expire(seconds: number, errorMessage: string) {
    deadline = setTimeout(() => {
      cause = { errorType: 'Sandbox.Timedout', errorMessage }
      environment.kill()
    }, seconds * 1000)
  }

  async function ended(exit: FunctionError) {
    clearTimeout(deadline)
    processes.forget(environment.pid)
    const error = cause ?? exit
    gone.resolve(error)
    ready.resolve(error)
    if (started) onExit(environment)
    const answered = await api.abandon(error)
    api.close()
    // Its caller has the whole response and will not hear of it.
    if (!answered && requestId)
      log({ level: 'error', functionName: fn.name, requestId, message: error.errorMessage })
  }
}

function systemVariables(
  fn: LambdaFunction,
  api: string,
  bootstrap: string,
): Record<string, string> {
  return {
    AWS_LAMBDA_RUNTIME_API: api,
    _HANDLER: fn.handler,
    LAMBDA_TASK_ROOT: fn.root,
    LAMBDA_RUNTIME_DIR: dirname(bootstrap),
    AWS_LAMBDA_FUNCTION_NAME: fn.name,
    AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(fn.memory),
    AWS_LAMBDA_LOG_GROUP_NAME: `/aws/lambda/${fn.name}`,
    AWS_LAMBDA_LOG_STREAM_NAME: `local/[$LATEST]${randomBytes(16).toString('hex')}`,
    AWS_LAMBDA_INITIALIZATION_TYPE: 'on-demand',
    AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs24.x',
    AWS_REGION: REGION,
    AWS_DEFAULT_REGION: REGION,
    TZ: ':UTC',
    LANG: 'en_US.UTF-8',
    PATH: process.env['PATH'] ?? '',
    // Without it nothing starts on Windows.
    ...(process.env['SystemRoot'] && { SystemRoot: process.env['SystemRoot'] }),
  }
}

const notStarted = ({ message }: Error): FunctionError => ({
  errorType: 'Runtime.ExitError',
  errorMessage: message,
})

function exitError(code: number | null, name: string | null, requestId = ''): FunctionError {
  const how = name ? `signal: ${name}` : `exit status ${code}`
  const message =
    code === 0 ? 'Runtime exited without providing a reason' : `Runtime exited with error: ${how}`
  return {
    errorType: 'Runtime.ExitError',
    errorMessage: `RequestId: ${requestId} Error: ${message}`,
  }
}

function defer<T>() {
  let resolve: (value: T) => void = () => {}
  const promise = new Promise<T>(settle => {
    resolve = settle
  })
  return { promise, resolve }
}
