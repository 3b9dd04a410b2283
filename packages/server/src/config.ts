/** The settings of the mcp function; docs/deploying.md lists them. */
export interface McpConfig {
  registrationTable: string
  sessionTable: string
  /** Seconds without a sign of life of the client after which a stream is closed. */
  idleTimeoutSeconds: number
  /** Seconds after which a `subscriptions/listen` is completed: its client answers no pings. */
  listenSeconds: number
  /**
   * Seconds between two heartbeats, which keep proxies and clients from closing a quiet stream.
   * Leases are renewed as often, see gateway/wire/lease.ts.
   */
  heartbeatSeconds: number
  /** Milliseconds between two reads of an inbox: while messages are coming, and at most. */
  pollMs: { busy: number; idle: number }
  /** Origins of web pages that may send requests, beside the gateway's own: http/origin.ts. */
  allowedOrigins: string[]
  /** Secrets of at least 32 characters. The first one signs request states, all verify them. */
  requestStateKeys: string[]
  /** Calls of functions that one `/sse` stream runs at once. */
  maxCallsInFlight: number
  /** Streams that one principal may have open. 0: no limit. */
  maxStreamsPerCaller: number
  /** Calls of functions that one principal may make. Undefined: no limit. */
  rateLimit: { perSecond: number; burst: number } | undefined
  /** What becomes of a call that cannot be counted: it is admitted, or it is refused. */
  rateLimitFailure: 'open' | 'closed'
  /** Who is one owner of sessions, streams and request states. */
  ownerBy: 'role' | 'session-name'
  /** The path that clients see before `/sse` and `/mcp`, as `/prod`. Empty without a proxy. */
  publicPath: string
  /** Seconds for which a client may cache a list. */
  listTtlSeconds: number
  /** What clients may tell their model about this gateway. Empty for nothing. */
  instructions: string
  /** Whether streams notify clients of changes. Each such stream holds an environment. */
  serverPush: boolean
  /** The level of the log is above that of the entries of calls. */
  dropsEntries: boolean
  /** Which calls have a log entry. With metrics it is all of them. */
  logCalls: 'failed' | 'all'
  /** Whether these entries have the arguments and the results of the calls. */
  logPayloads: boolean
  /** Whether the log entries have metrics for CloudWatch: `items` also has those of each item. */
  metrics: 'off' | 'on' | 'items'
  /** The name of the function, by which its metrics are found. */
  functionName: string
}

export function mcpConfig(environment: Environment = process.env): McpConfig {
  return read(environment, ({ text, note, number, count, list, path, flag, rate, choice }) => ({
    registrationTable: text('REGISTRATION_TABLE'),
    sessionTable: text('SESSION_TABLE'),
    idleTimeoutSeconds: number('IDLE_TIMEOUT_SECONDS', 120),
    listenSeconds: number('LISTEN_SECONDS', 840),
    heartbeatSeconds: number('HEARTBEAT_SECONDS', 15),
    pollMs: { busy: number('POLL_BUSY_MS', 1), idle: number('POLL_IDLE_MS', 200) },
    allowedOrigins: list('ALLOWED_ORIGINS'),
    requestStateKeys: list('REQUEST_STATE_KEYS', 32),
    maxCallsInFlight: Math.ceil(number('MAX_CALLS_IN_FLIGHT', 32)),
    maxStreamsPerCaller: count('MAX_STREAMS_PER_CALLER', 100),
    rateLimit: rate('RATE_LIMIT'),
    rateLimitFailure: choice('RATE_LIMIT_FAILURE', ['open', 'closed']),
    ownerBy: choice('OWNER_BY', ['role', 'session-name']),
    publicPath: path('PUBLIC_PATH'),
    listTtlSeconds: count('LIST_TTL_SECONDS', 60),
    instructions: note('INSTRUCTIONS', 2_000),
    serverPush: flag('SERVER_PUSH'),
    dropsEntries: !/^(trace|debug|info)$/i.test(environment['AWS_LAMBDA_LOG_LEVEL'] || 'INFO'),
    logCalls: choice('LOG_CALLS', ['failed', 'all']),
    logPayloads: flag('LOG_PAYLOADS'),
    metrics: choice('METRICS', ['off', 'on', 'items']),
    functionName: environment['AWS_LAMBDA_FUNCTION_NAME'] ?? '',
  }))
}

/** The settings of the registration function. */
export interface RegistrationConfig {
  registrationTable: string
  /** The role of the mcp function: a registration permits it to invoke the registered function. */
  mcpRoleArn: string
  /** The ARNs of the functions of the stack, which cannot be registered. */
  ownFunctions: string[]
  /** The parameter GrantCondition of the template. */
  grantCondition: 'principal' | 'none'
  /** Whether its role may read the configuration of functions. */
  readConfiguration: boolean
}

export function registrationConfig(environment: Environment = process.env): RegistrationConfig {
  return read(environment, ({ text, choice }) => ({
    registrationTable: text('REGISTRATION_TABLE'),
    mcpRoleArn: text('MCP_ROLE_ARN'),
    ownFunctions: text('OWN_FUNCTIONS').split(','),
    grantCondition: text('GRANT_CONDITION') === 'none' ? 'none' : 'principal',
    readConfiguration: choice('READ_CONFIGURATION', ['false', 'true']) === 'true',
  }))
}

type Environment = Record<string, string | undefined>

interface Reader {
  text(name: string): string
  /** At most so many characters; empty when the variable is not set. */
  note(name: string, maxLength: number): string
  /** A number greater than zero. */
  number(name: string, fallback: number): number
  /** 0 or greater, rounded up: a number of CloudFormation may be 2.5 or 1e2. */
  count(name: string, fallback: number): number
  /** Items separated by commas; empty when the variable is not set. */
  list(name: string, minLength?: number): string[]
  /** A path without "/" at its end; empty when the variable is not set. */
  path(name: string): string
  /** `on` or `off`; off when the variable is not set. */
  flag(name: string): boolean
  /** `<per second>[,<burst>]`. Undefined when the variable is not set. */
  rate(name: string): { perSecond: number; burst: number } | undefined
  /** One of these words; the first one when the variable is not set. */
  choice<Word extends string>(name: string, words: [Word, ...Word[]]): Word
}

/**
 * Reads settings and reports everything that is missing or wrong in one error. It uses no schema
 * library, because loading one would take a tenth of a cold start.
 */
function read<Config>(environment: Environment, pick: (reader: Reader) => Config): Config {
  const problems: string[] = []
  const config = pick({
    text(name) {
      const value = environment[name]
      if (!value) problems.push(`${name} is missing`)
      return value ?? ''
    },
    note(name, maxLength) {
      const value = environment[name] ?? ''
      if (value.length > maxLength)
        problems.push(`${name} has ${value.length} characters: at most ${maxLength} are allowed`)
      return value
    },
    number(name, fallback) {
      const value = environment[name]
      if (value === undefined || value === '') return fallback
      const number = Number(value)
      if (!(number > 0 && Number.isFinite(number)))
        problems.push(`${name} is "${value}": a number above 0 is expected`)
      return number
    },
    count(name, fallback) {
      const value = environment[name] || String(fallback)
      const number = Math.ceil(Number(value))
      if (!(number >= 0 && number < 1e9))
        problems.push(`${name} is "${value}": 0 or above is expected`)
      return number
    },
    list(name, minLength = 1) {
      const items = (environment[name] ?? '').split(',').map(it => it.trim())
      const given = items.filter(Boolean)
      if (given.some(it => it.length < minLength))
        problems.push(`${name} has an item of less than ${minLength} characters`)
      return given
    },
    path(name) {
      const value = (environment[name] ?? '').replace(/\/$/, '')
      if (!/^(\/[\w.~-]+)*$/.test(value))
        problems.push(`${name} is "${value}": a path such as /prod is expected`)
      return value
    },
    rate(name) {
      const value = environment[name]
      if (!value) return undefined
      const [, rate, given] = /^(\d{1,4}(?:\.\d{1,3})?)(?:,(\d{1,5}))?$/.exec(value) ?? []
      const perSecond = Number(rate)
      const burst = Number(given ?? Math.max(1, Math.ceil(perSecond)))
      const isValid = perSecond > 0 && perSecond <= 1_000 && burst >= 1 && burst <= 10_000
      if (!isValid)
        problems.push(
          `${name} is "${value}": requests per second (0.001 to 1000) and, after a comma, a burst (1 to 10000) are expected`,
        )
      return { perSecond, burst }
    },
    flag: name => choice(name, ['off', 'on']) === 'on',
    choice,
  })
  if (problems.length === 0) return config
  throw new Error(`The function's environment variables are not usable: ${problems.join('; ')}`)

  function choice<Word extends string>(name: string, words: [Word, ...Word[]]): Word {
    const value = environment[name] || words[0]
    const word = words.find(it => it === value)
    if (!word) problems.push(`${name} is "${value}": "${words.join('" or "')}" is expected`)
    return word ?? words[0]
  }
}
