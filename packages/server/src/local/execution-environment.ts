import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { dirname } from 'node:path'

import { REGION } from './function-arn.ts'
import { freeOrAny, inspectAddress } from './inspector.ts'
import type { FunctionError, FunctionOutput, Invocation } from './invocation.ts'
import { type LambdaFunction, NEWEST_NODE_RUNTIME } from './lambda-function.ts'
import type { Log } from './log.ts'
import { readLogLines } from './log-lines.ts'
import { CAN_FREEZE, type Processes, signal } from './processes.ts'
import { startRuntimeApi } from './runtime-api.ts'

/**
 * One process that runs one function, one invocation at a time. It is frozen between invocations.
 * https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
 */
export interface ExecutionEnvironment {
  pid: number
  /** Call it only while the execution environment is idle. */
  invoke(invocation: Invocation): Promise<FunctionOutput>
  /** Whether it has sent its response: it will be idle in a moment. */
  hasResponded(): boolean
  kill(): void
}

/** What all execution environments of a gateway share. */
export interface Host {
  /** Path of the built runtime client. */
  bootstrap: string
  /** Path of the runtime client for Python. */
  pythonBootstrap: string
  processes: Processes
  log: Log
}

export interface EnvironmentEvents {
  onIdle(environment: ExecutionEnvironment): void
  onExit(environment: ExecutionEnvironment): void
}

/** The init limit of Lambda. */
const INIT_SECONDS = 10

/** Resolves at the first `/next` of the process, or with the error that ended its init. */
export async function startEnvironment(
  fn: LambdaFunction,
  host: Host,
  { onIdle, onExit }: EnvironmentEvents,
): Promise<ExecutionEnvironment | FunctionError> {
  const { processes, log } = host
  // A person who debugs must not be stopped by a time-out, and a frozen process cannot be debugged.
  const isDebugged = fn.inspectPort !== undefined && !fn.python
  const ready = defer<ExecutionEnvironment | FunctionError>()
  const exited = defer<FunctionError>()
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
      if (!isDebugged) signal(environment.pid, 'SIGSTOP')
    },
    onInitError(error) {
      if (!started) cause = error
    },
    onTruncatedOutput() {
      // The process lost its connection during a response. It is not used again.
      environment.kill()
      return exited.promise
    },
  })

  const port = isDebugged ? await freeOrAny(fn.inspectPort ?? 0) : undefined
  const [program, args] = commandOf(fn, host, port)
  const child = spawn(program, args, {
    cwd: fn.directory,
    env: environmentOf(fn, dirname(fn.python ? host.pythonBootstrap : host.bootstrap), api.address),
    // Its own process group: Ctrl-C reaches the gateway only, and our signals reach its children.
    detached: CAN_FREEZE,
    stdio: ['ignore', 'pipe', 'pipe'],
    windowsHide: true,
  })
  const { pid } = child
  if (pid === undefined) {
    api.close()
    return new Promise(resolve => child.once('error', error => resolve(spawnError(error))))
  }
  processes.watch(pid)
  const { hasResponded } = api
  const kill = () => signal(pid, 'SIGKILL')
  const environment: ExecutionEnvironment = { pid, invoke, hasResponded, kill }

  for (const stream of [child.stdout, child.stderr])
    readLogLines(stream, line => {
      const message = isDebugged ? inspectAddress(line) : line
      if (message !== undefined)
        log({ level: 'info', functionName: fn.name, message, ...(requestId && { requestId }) })
    })

  killAfter(INIT_SECONDS, `Init timed out after ${INIT_SECONDS}.00 seconds`)
  child.once('exit', (code, name) => onProcessExit(exitError(code, name, requestId)))

  return ready.promise

  function invoke(invocation: Invocation): Promise<FunctionOutput> {
    requestId = invocation.requestId
    killAfter(
      fn.timeout,
      `RequestId: ${requestId} Error: Task timed out after ${fn.timeout.toFixed(2)} seconds`,
    )
    signal(environment.pid, 'SIGCONT')
    return api.deliver(invocation, Date.now() + fn.timeout * 1000)
  }

  function killAfter(seconds: number, errorMessage: string) {
    if (isDebugged) return
    deadline = setTimeout(() => {
      cause = { errorType: 'Sandbox.Timedout', errorMessage }
      environment.kill()
    }, seconds * 1000)
  }

  async function onProcessExit(exit: FunctionError) {
    clearTimeout(deadline)
    processes.forget(environment.pid)
    const error = cause ?? exit
    exited.resolve(error)
    ready.resolve(error)
    if (started) onExit(environment)
    const reported = await api.abandon(error)
    api.close()
    // The caller already has the whole response, so only the log can report this error.
    if (!reported && requestId)
      log({ level: 'error', functionName: fn.name, requestId, message: error.errorMessage })
  }
}

function commandOf(
  { python, handler }: LambdaFunction,
  host: Host,
  inspectPort: number | undefined,
): [program: string, args: string[]] {
  if (python?.hasRuntimeClient) return [python.program, ['-m', 'awslambdaric', handler]]
  if (python) return [python.program, [host.pythonBootstrap]]
  const inspect = inspectPort === undefined ? [] : [`--inspect=127.0.0.1:${inspectPort}`]
  return [process.execPath, [...inspect, host.bootstrap]]
}

/**
 * The environment of a function's process.
 * https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
 *
 * @param api the address of its Runtime API
 */
export function environmentOf(
  fn: LambdaFunction,
  runtimeFolder: string,
  api: string,
): Record<string, string> {
  return {
    AWS_REGION: REGION,
    AWS_DEFAULT_REGION: REGION,
    TZ: ':UTC',
    LANG: 'en_US.UTF-8',
    PATH: process.env['PATH'] ?? '',
    // Windows starts no process without it.
    ...(process.env['SystemRoot'] && { SystemRoot: process.env['SystemRoot'] }),
    ...(fn.python && { PYTHONUNBUFFERED: '1', PYTHONDONTWRITEBYTECODE: '1' }),
    ...fn.variables,
    // A function cannot replace these.
    AWS_LAMBDA_RUNTIME_API: api,
    _HANDLER: fn.handler,
    LAMBDA_TASK_ROOT: fn.root,
    LAMBDA_RUNTIME_DIR: runtimeFolder,
    AWS_LAMBDA_FUNCTION_NAME: fn.name,
    AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(fn.memory),
    AWS_LAMBDA_LOG_GROUP_NAME: `/aws/lambda/${fn.name}`,
    AWS_LAMBDA_LOG_STREAM_NAME: `local/[$LATEST]${randomBytes(16).toString('hex')}`,
    ...(fn.logging && { AWS_LAMBDA_LOG_FORMAT: fn.logging.format }),
    ...(fn.logging?.level && { AWS_LAMBDA_LOG_LEVEL: fn.logging.level }),
    AWS_LAMBDA_INITIALIZATION_TYPE: 'on-demand',
    AWS_EXECUTION_ENV: `AWS_Lambda_${fn.runtime ?? NEWEST_NODE_RUNTIME}`,
  }
}

const spawnError = ({ message }: Error): FunctionError => ({
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
