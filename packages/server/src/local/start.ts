import { mkdtemp, rm } from 'node:fs/promises'
import type { Server } from 'node:http'
import { devNull, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

import { builtFolder, readTemplateText } from '../built-package.ts'
import { lambdaApi } from './api/lambda-api.ts'
import { type AwsAccess, awsVariables, refuseAwsCalls } from './aws-access.ts'
import { createConsole } from './console/server.ts'
import { developerFunctions, type FunctionPlace } from './developer-functions.ts'
import { LocalError } from './errors.ts'
import { createEvents, type EventListener } from './events.ts'
import { REGION } from './function-arn.ts'
import { closeServer, listen } from './http-server.ts'
import { knownFunctions, type OnInvocation } from './known-functions.ts'
import { type Log, writeLog } from './log.ts'
import { DEVELOPER, type Principal, roleSession } from './principals.ts'
import { CAN_FREEZE, watchProcesses } from './processes.ts'
import { resourcePolicies } from './resource-policies.ts'
import { readStack, type Stack } from './stack.ts'
import { startTables } from './tables.ts'
import { functionUrl } from './url/function-url.ts'
import { type Observe, observer } from './url/observe.ts'

export interface LocalOptions {
  /** The port of the mcp function's URL. Default, and 0: a free port. */
  port?: number
  /** The port of the registration function's URL. Default, and 0: a free port. */
  registrationPort?: number
  /**
   * A folder, where each `NAME.mjs|js|cjs|ts|mts|py`, or folder with such an index, exports a
   * `handler`; or a template of SAM or CloudFormation; or a manifest of registrations.
   */
  functions?: string | FunctionPlace
  /**
   * Registers the functions as they describe themselves, or with any arguments, and again when
   * they change. With a manifest: registers what it names. Default: false.
   */
  register?: boolean
  /** Serves a page that shows and calls what is registered. Default: none. */
  console?: {
    /** Default: 9002, or a free port where that is in use. 0 is a free port. */
    port?: number
  }
  /** Environment variables of the functions. They win over all others. */
  variables?: Record<string, string>
  /** The AWS account that functions reach. Default: none, every call fails with a message. */
  awsAccess?: AwsAccess
  /** A Python 3 program or a virtual environment. Default: one beside the code, else `python3`. */
  python?: string
  /** Starts the inspector of Node.js in the functions, from this port on. 0 is any free port. */
  inspect?: number
  /** A folder that keeps the tables and invoke permissions. Default: in memory. */
  data?: string
  /** More callers. The developer with the `credentials` of `Local` is always a caller. */
  principals?: Principal[]
  /**
   * Notify clients of changes, as with the parameter ServerPush of the template. Default: false.
   */
  push?: boolean
  /** Overrides environment variables of the gateway's two functions. */
  environment?: Record<string, string>
  /** Seconds. Default: as in the template; 30 for other functions. */
  timeouts?: { mcp?: number; registration?: number; functions?: number }
  /**
   * Concurrent invocations of one function; more get a 429. Default: 20. Each one is a process
   * of about 50 MB that is kept for the next invocation, and each open stream holds one. A loop
   * without back-off still meets the limit, as it would on AWS.
   */
  concurrency?: number
  /**
   * Deliver each chunk of a streamed response together with the next one, as Lambda is reported to
   * do. For tests of streams. Default: false.
   */
  holdBack?: boolean
  /** Gets the lines of functions and the reports of the gateway. Default: text on stderr. */
  log?: Log
  /** Gets the MCP requests, their responses, registrations and log entries. */
  onEvent?: EventListener
  /** Is called for each invocation, before the function runs. */
  onInvocation?: OnInvocation
}

/** A running local gateway. */
export interface Local {
  mcpUrl: string
  registrationUrl: string
  /**
   * The address of the console, if there is one. It has a token that lets a page use this gateway.
   */
  consoleUrl?: string
  /** The AWS_ENDPOINT_URL_LAMBDA of the gateway's own functions. */
  lambdaUrl: string
  /** The AWS_ENDPOINT_URL_DYNAMODB of the gateway's own functions. */
  dynamodbUrl: string
  region: string
  /** The credentials of `arn:aws:iam::000000000000:user/local`. */
  credentials: { accessKeyId: string; secretAccessKey: string }
  /** The process ids of all execution environments that are alive. */
  pids(): number[]
  /** Ends the gateway at once, with its running invocations. */
  close(): Promise<void>
}

/**
 * Runs the built stack on loopback: its functions in processes of their own behind Function
 * URLs, the Lambda API and DynamoDB. Rejects with a `LocalError`: look at its `code` and
 * `hint`.
 */
export async function startLocal(options: LocalOptions = {}): Promise<Local> {
  const template = readTemplateText(
    missing =>
      new LocalError(
        'not_built',
        `The gateway is not built: ${missing} is missing`,
        'Run "npm run build".',
      ),
  )
  const dist = builtFolder()
  return startStack(readStack(template, dist), dist, options)
}

/** Runs any stack that has a McpFunction and a RegistrationFunction. */
export async function startStack(
  stack: Stack,
  dist: string,
  options: LocalOptions,
): Promise<Local> {
  const { concurrency = 20, holdBack = false, push = false, timeouts = {} } = options
  const environment = {
    SERVER_PUSH: push ? 'on' : 'off',
    // A function that was just saved shows in the next list.
    LIST_TTL_SECONDS: '1',
    ...options.environment,
  }
  let closing = false
  const events = createEvents()
  if (options.onEvent) events.subscribe(options.onEvent)
  // Functions that are killed during close() log errors. They are expected.
  const log: Log = entry => {
    if (closing) return
    events.emit({ type: 'log', ...entry })
    ;(options.log ?? writeLog)(entry)
  }
  const { McpFunction, RegistrationFunction } = stack.functions
  if (!McpFunction || !RegistrationFunction)
    throw new LocalError(
      'unsupported_template',
      'The template has no McpFunction or no RegistrationFunction',
      'Build from an unchanged template with "npm run build".',
    )
  const mcpRole = roleSession(McpFunction.role, McpFunction.name)
  const registrationRole = roleSession(RegistrationFunction.role, RegistrationFunction.name)
  const variablesOf = (role: RoleSession) => ({ ...credentialsOf(role), ...environment })
  const mcp = withOverrides(McpFunction, variablesOf(mcpRole), timeouts.mcp)
  const registration = withOverrides(
    RegistrationFunction,
    variablesOf(registrationRole),
    timeouts.registration,
  )

  const others = options.principals ?? []
  const principals = [DEVELOPER, mcpRole, registrationRole, ...others]
  const temporary = await mkdtemp(join(tmpdir(), 'mcp-lambda-sam-'))
  const processes = watchProcesses(temporary)
  if (!CAN_FREEZE)
    log({ level: 'warn', message: 'Functions are not frozen between invocations on this platform' })
  const closers: (() => Promise<void>)[] = []

  try {
    const refusals = await open(refuseAwsCalls())
    const access = options.awsAccess ?? { type: 'none' }
    const developer = developerFunctions(options.functions, {
      aws: await awsVariables(access, refusals, temporary),
      variables: options.variables ?? {},
      timeout: timeouts.functions ?? 30,
      python: options.python,
      inspect: options.inspect,
      runtime: join(dist, 'runtime'),
      temporary,
      processes,
      log,
    })
    // Reading the functions takes about as long as starting the tables.
    const reading = developer?.source.read().catch(() => {})
    closers.push(async () => void (await reading))
    const data = options.data && resolve(options.data)
    const tables = await startTables(stack.tables, data)
    closers.push(tables.close)
    const dynamodbUrl = `http://127.0.0.1:${tables.port}/`

    const own: Record<string, string> = {
      AWS_ENDPOINT_URL_DYNAMODB: dynamodbUrl,
      // Otherwise the AWS SDK would read the developer's own settings.
      AWS_CONFIG_FILE: devNull,
      AWS_SHARED_CREDENTIALS_FILE: devNull,
      // The warning is about the Node version of this machine. Lambda has its own.
      AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
    }
    for (const fn of [mcp, registration]) fn.variables = { ...own, ...fn.variables }
    const functions = knownFunctions({
      own: [mcp, registration],
      source: developer?.source,
      concurrency,
      host: {
        bootstrap: join(dist, 'runtime', 'bootstrap.js'),
        pythonBootstrap: join(dist, 'runtime', 'bootstrap.py'),
        processes,
        log,
      },
      onInvocation: options.onInvocation,
    })
    const invoke = functions.invoke

    const policies = resourcePolicies(data && join(data, 'policies.json'))
    const lambdaUrl = await open(lambdaApi({ principals, functions, policies, log }))
    for (const fn of [mcp, registration])
      fn.variables = { AWS_ENDPOINT_URL_LAMBDA: lambdaUrl, ...fn.variables }
    const isHeard = options.onEvent !== undefined || options.console !== undefined
    const observeMcp = observer(events)
    const observeRegistration: Observe = ({ method }, response) => {
      if (method === 'GET') return
      response.once('close', () => {
        if (response.statusCode < 300) events.emit({ type: 'registry-change' })
      })
    }
    const url = ({ name, authType, mode }: typeof mcp) =>
      functionUrl({
        functionName: name,
        authType,
        mode,
        principals,
        invoke,
        log,
        holdsBack: holdBack,
        // It parses each message once more.
        ...(isHeard && { observe: name === mcp.name ? observeMcp : observeRegistration }),
      })
    const mcpUrl = await open(url(mcp), options.port, '--port')
    const registrationUrl = await open(
      url(registration),
      options.registrationPort,
      '--registration-port',
    )
    const { accessKeyId, secretAccessKey } = DEVELOPER
    const credentials = { accessKeyId, secretAccessKey }
    const admin = { url: registrationUrl, region: REGION, credentials }
    const consoleUrl = options.console && (await openConsole(options.console.port))
    if (developer) {
      const watch = developer.start({
        ...(options.register && { admin }),
        prepare: functions.prepare,
        events,
      })
      closers.push(watch.close)
      await watch.isReady
    }
    return {
      mcpUrl,
      registrationUrl,
      ...(consoleUrl !== undefined && { consoleUrl }),
      lambdaUrl,
      dynamodbUrl,
      region: REGION,
      credentials,
      pids: processes.pids,
      close,
    }

    async function openConsole(port?: number): Promise<string> {
      const { server, url, close } = createConsole({
        ...{ mcpUrl, region: REGION, credentials, events },
        assets: join(dist, 'console'),
        admin: () =>
          import('@markvp/mcp-lambda-sam-admin-client').then(it => it.createAdminClient(admin)),
      })
      closers.push(close)
      const address =
        port === undefined
          ? await open(server, CONSOLE_PORT).catch(error => {
              if (error.code !== 'port_in_use') throw error
              return open(server)
            })
          : await open(server, port, '--console-port')
      return url(Number(new URL(address).port))
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

const CONSOLE_PORT = 9002

type RoleSession = ReturnType<typeof roleSession>

const credentialsOf = ({ accessKeyId, secretAccessKey, sessionToken }: RoleSession) => ({
  AWS_ACCESS_KEY_ID: accessKeyId,
  AWS_SECRET_ACCESS_KEY: secretAccessKey,
  AWS_SESSION_TOKEN: sessionToken,
})

function withOverrides<Fn extends { timeout: number; variables: Record<string, string> }>(
  fn: Fn,
  environment: Record<string, string>,
  timeout = fn.timeout,
): Fn {
  return { ...fn, timeout, variables: { ...fn.variables, ...environment } }
}

function portInUse(port: number, flag: string, cause: Error) {
  const message = `Port ${port} is in use by another program`
  return new LocalError('port_in_use', message, `Choose another port with ${flag}.`, { cause })
}
