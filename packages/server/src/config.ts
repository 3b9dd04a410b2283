/** The mcp function's settings; docs/deploying.md lists them for people. */
export interface McpConfig {
  registrationTable: string
  sessionTable: string
  /** A stream whose client shows no sign of life for this long is closed. */
  idleTimeoutSeconds: number
  /** A comment that often keeps proxies and clients from giving a quiet stream up. */
  heartbeatSeconds: number
  /** How long a stream waits between two looks at its inbox: while requests are coming, and at most. */
  pollMs: { busy: number; idle: number }
  /** Host names of the web pages that may send requests to `/mcp`, beside the gateway's own; set as their origins. */
  allowedOrigins: string[]
  /** Secrets of at least 32 characters; the first signs what clients carry between two rounds, all verify it. */
  requestStateKeys: string[]
}

export function mcpConfig(environment: Environment = process.env): McpConfig {
  return read(environment, ({ text, number, list }) => ({
    registrationTable: text('REGISTRATION_TABLE'),
    sessionTable: text('SESSION_TABLE'),
    idleTimeoutSeconds: number('IDLE_TIMEOUT_SECONDS', 120),
    heartbeatSeconds: number('HEARTBEAT_SECONDS', 15),
    pollMs: { busy: number('POLL_BUSY_MS', 5), idle: number('POLL_IDLE_MS', 80) },
    allowedOrigins: list('ALLOWED_ORIGINS').map(hostOf),
    requestStateKeys: list('REQUEST_STATE_KEYS', 32),
  }))
}

/** The registration function's settings. */
export interface RegistrationConfig {
  registrationTable: string
  /** Of the mcp function: what registering lets invoke. */
  mcpRoleArn: string
}

export function registrationConfig(environment: Environment = process.env): RegistrationConfig {
  return read(environment, ({ text }) => ({
    registrationTable: text('REGISTRATION_TABLE'),
    mcpRoleArn: text('MCP_ROLE_ARN'),
  }))
}

/** Of an origin; a host name is one already. */
const hostOf = (origin: string) => origin.replace(/^https?:\/\//, '').replace(/:\d+$/, '')

type Environment = Record<string, string | undefined>

interface Reader {
  text(name: string): string
  /** Greater than zero. */
  number(name: string, fallback: number): number
  /** Separated by commas; empty when it is not set. */
  list(name: string, minLength?: number): string[]
}

/**
 * All that is missing or wrong in one error: a deployment is mended once, not once per variable. By hand, since
 * a schema library would be a tenth of a cold start.
 */
function read<Config>(environment: Environment, pick: (reader: Reader) => Config): Config {
  const problems: string[] = []
  const config = pick({
    text(name) {
      const value = environment[name]
      if (!value) problems.push(`${name} is missing`)
      return value ?? ''
    },
    number(name, fallback) {
      const value = environment[name]
      if (value === undefined || value === '') return fallback
      const number = Number(value)
      if (!(number > 0 && Number.isFinite(number)))
        problems.push(`${name} is "${value}": a number above 0 is expected`)
      return number
    },
    list(name, minLength = 1) {
      const items = (environment[name] ?? '').split(',').map(it => it.trim())
      const given = items.filter(Boolean)
      if (given.some(it => it.length < minLength))
        problems.push(`${name} has an item of less than ${minLength} characters`)
      return given
    },
  })
  if (problems.length === 0) return config
  throw new Error(`The function's environment variables are not usable: ${problems.join('; ')}`)
}
