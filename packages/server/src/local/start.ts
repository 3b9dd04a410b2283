import { existsSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import type { Server } from 'node:http'
import { createRequire } from 'node:module'
import { devNull, tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'

import { lambdaApi } from './api/lambda-api.ts'
import { REGION } from './function-arn.ts'
import { discover } from './function-discovery.ts'
import { closeServer, listen } from './http-server.ts'
import { catalogue, type Watch } from './known-functions.ts'
import { type Log, writeLog } from './log.ts'
import { DEVELOPER, FUNCTION_ROLE, type Principal, roleSession } from './principals.ts'
import { CAN_FREEZE, watchProcesses } from './processes.ts'
import { policies } from './resource-policies.ts'
import { readStack, type Stack } from './stack.ts'
import { startTables } from './tables.ts'
import { functionUrl } from './url/function-url.ts'

export interface LocalOptions {
  /** Of the mcp function's URL; any free one when absent or 0. */
  port?: number
  /** Of the registration function's URL; any free one when absent or 0. */
  registrationPort?: number
  /** A folder of functions: each `NAME.mjs|js|ts`, or folder with such an index, that exports `handler`. */
  functions?: string
  /** A folder that keeps the tables; in memory when absent. */
  data?: string
  /** Further callers, beside the developer whose credentials `Local` shows. */
  principals?: Principal[]
  /** Overrides of the variables that the template gives the gateway's two functions. */
  environment?: Record<string, string>
  /** Seconds, in the place of the template's and of the 30 that other functions have. */
  timeouts?: { mcp?: number; registration?: number; functions?: number }
  /**
   * How many invocations of one function run at the same time before 429. Each is a process of some 50 MB
   * that stays for the next one, and each open stream holds one: 20 is more than a developer's clients
   * need, and a loop without back-off still meets the limit that it will meet on AWS.
   */
  concurrency?: number
  /** Gets what functions print and the gateway reports; readable lines on stderr when absent. */
  log?: Log
  /** Told of each invocation before it runs. */
  onInvocation?: Watch
}

/** A gateway that runs. */
export interface Local {
  mcpUrl: string
  registrationUrl: string
  /** What functions have as AWS_ENDPOINT_URL_LAMBDA and AWS_ENDPOINT_URL_DYNAMODB. */
  lambdaUrl: string
  dynamodbUrl: string
  region: string
  /** Of `arn:aws:iam::000000000000:user/local`. */
  credentials: { accessKeyId: string; secretAccessKey: string }
  /** Of the processes of functions that are alive now. */
  pids(): number[]
  /** Ends everything at once, what is running too. */
  close(): Promise<void>
}

/**
 * Runs the built stack on loopback: its functions in processes of their own behind Function URLs, and the
 * part of Lambda and DynamoDB that they use. Rejects with the code `port_in_use` when a port is taken.
 */
export async function startLocal(options: LocalOptions = {}): Promise<Local> {
  const dist = join(dirname(createRequire(import.meta.url).resolve(PACKAGE)), 'dist')
  const template = join(dist, 'template.yaml')
  if (!existsSync(template))
    throw new Error(`The gateway is not built (${template} is missing): run "npm run build"`)
  return startStack(readStack(readFileSync(template, 'utf8'), dist), dist, options)
}

const PACKAGE = '@markvp/mcp-lambda-sam/package.json'

/** The same for any stack with these two functions. */
export async function startStack(
  stack: Stack,
  dist: string,
  options: LocalOptions,
): Promise<Local> {
  const { concurrency = 20, timeouts = {}, environment = {} } = options
  let closing = false
  // What is cut off at the end is no news.
  const log: Log = entry => closing || (options.log ?? writeLog)(entry)
  const { McpFunction, RegistrationFunction } = stack.functions
  if (!McpFunction || !RegistrationFunction)
    throw new Error('The template needs a McpFunction and a RegistrationFunction')
  const mcpRole = roleSession(McpFunction.role, McpFunction.name)
  const registrationRole = roleSession(RegistrationFunction.role, RegistrationFunction.name)
  const variablesOf = (role: Session) => ({ ...credentialsOf(role), ...environment })
  const mcp = adjusted(McpFunction, variablesOf(mcpRole), timeouts.mcp)
  const registration = adjusted(
    RegistrationFunction,
    variablesOf(registrationRole),
    timeouts.registration,
  )

  const others = options.principals ?? []
  const principals = [DEVELOPER, FUNCTION_ROLE, mcpRole, registrationRole, ...others]
  const temporary = await mkdtemp(join(tmpdir(), 'mcp-lambda-sam-'))
  const processes = watchProcesses(temporary)
  if (!CAN_FREEZE)
    log({ level: 'warn', message: 'Functions are not frozen between invocations on this platform' })
  const closers: (() => Promise<void>)[] = []

  try {
    const data = options.data && resolve(options.data)
    const tables = await startTables(stack.tables, data)
    closers.push(tables.close)
    const dynamodbUrl = `http://127.0.0.1:${tables.port}/`

    const variables: Record<string, string> = {
      ...credentialsOf(FUNCTION_ROLE),
      AWS_ENDPOINT_URL_DYNAMODB: dynamodbUrl,
      // Without these, the SDK would look into the developer's own settings.
      AWS_CONFIG_FILE: devNull,
      AWS_SHARED_CREDENTIALS_FILE: devNull,
      // It is about the node of this machine; on Lambda the function has another.
      AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
    }
    const discovery =
      options.functions === undefined
        ? undefined
        : discover(resolve(options.functions), temporary, timeouts.functions ?? 30)
    await discovery?.prepare(log)
    const functions = catalogue({
      own: [mcp, registration],
      discovery,
      concurrency,
      host: { bootstrap: join(dist, 'runtime', 'bootstrap.js'), variables, processes, log },
      onInvocation: options.onInvocation,
    })
    const invoke = functions.invoke

    const kept = policies(data && join(data, 'policies.json'))
    const lambdaUrl = await open(lambdaApi({ principals, functions, policies: kept, log }))
    variables['AWS_ENDPOINT_URL_LAMBDA'] = lambdaUrl
    const url = ({ name, mode }: typeof mcp) =>
      functionUrl({ functionName: name, mode, principals, invoke, log })
    const mcpUrl = await open(url(mcp), options.port, '--port')
    const registrationUrl = await open(
      url(registration),
      options.registrationPort,
      '--registration-port',
    )
    const { accessKeyId, secretAccessKey } = DEVELOPER
    return {
      mcpUrl,
      registrationUrl,
      lambdaUrl,
      dynamodbUrl,
      region: REGION,
      credentials: { accessKeyId, secretAccessKey },
      pids: processes.pids,
      close,
    }
  } catch (error) {
    await close()
    throw error
  }

  async function open(server: Server, port = 0, flag = ''): Promise<string> {
    closers.push(() => closeServer(server))
    const chosen = await listen(server, port).catch(error => {
      throw error.code === 'EADDRINUSE' ? portInUse(port, flag, error) : error
    })
    return `http://127.0.0.1:${chosen}/`
  }

  async function close() {
    closing = true
    await processes.close()
    await Promise.all(closers.map(it => it()))
    await rm(temporary, { recursive: true, force: true })
  }
}

type Session = typeof FUNCTION_ROLE

const credentialsOf = ({ accessKeyId, secretAccessKey, sessionToken }: Session) => ({
  AWS_ACCESS_KEY_ID: accessKeyId,
  AWS_SECRET_ACCESS_KEY: secretAccessKey,
  AWS_SESSION_TOKEN: sessionToken,
})

function adjusted<Fn extends { timeout: number; variables: Record<string, string> }>(
  fn: Fn,
  environment: Record<string, string>,
  timeout = fn.timeout,
): Fn {
  return { ...fn, timeout, variables: { ...fn.variables, ...environment } }
}

function portInUse(port: number, flag: string, cause: Error) {
  const message = `Port ${port} is in use by another program: choose another with ${flag}`
  return Object.assign(new Error(message, { cause }), { code: 'port_in_use' })
}
