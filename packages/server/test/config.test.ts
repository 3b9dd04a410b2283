import { expect, test } from 'vitest'

import { mcpConfig, registrationConfig } from '../src/config.ts'

const tables = { REGISTRATION_TABLE: 'r', SESSION_TABLE: 's' }

test('a variable that is absent or empty has its default', () => {
  expect(mcpConfig({ ...tables, POLL_IDLE_MS: '' })).toEqual({
    registrationTable: 'r',
    sessionTable: 's',
    idleTimeoutSeconds: 120,
    listenSeconds: 840,
    heartbeatSeconds: 15,
    pollMs: { busy: 1, idle: 200 },
    allowedOrigins: [],
    requestStateKeys: [],
    maxCallsInFlight: 32,
    maxStreamsPerCaller: 100,
    rateLimit: undefined,
    rateLimitFailure: 'open',
    ownerBy: 'role',
    publicPath: '',
    listTtlSeconds: 60,
    instructions: '',
    serverPush: false,
    dropsEntries: false,
    logCalls: 'failed',
    logPayloads: false,
    metrics: 'off',
    functionName: '',
  })
})

test('reads the variables that are set', () => {
  expect(mcpConfig({ ...tables, HEARTBEAT_SECONDS: '0.5' }).heartbeatSeconds).toBe(0.5)
  expect(mcpConfig({ ...tables, ALLOWED_ORIGINS: 'a.example, b.example' }).allowedOrigins).toEqual([
    'a.example',
    'b.example',
  ])
})

test('a number as CloudFormation takes it is no reason not to start', () => {
  const config = (text: string) =>
    mcpConfig({ ...tables, LIST_TTL_SECONDS: text, MAX_STREAMS_PER_CALLER: text })
  expect(config('2.5')).toMatchObject({ listTtlSeconds: 3, maxStreamsPerCaller: 3 })
  expect(config('1e2')).toMatchObject({ listTtlSeconds: 100, maxStreamsPerCaller: 100 })
  expect(() => config('-1')).toThrow('LIST_TTL_SECONDS is "-1": 0 or above')
})

test('takes a public path with or without "/" at its end', () => {
  for (const PUBLIC_PATH of ['/prod/v1', '/prod/v1/'])
    expect(mcpConfig({ ...tables, PUBLIC_PATH }).publicPath).toBe('/prod/v1')
  for (const PUBLIC_PATH of ['prod', '/a b', '//evil.example', '/prod?x'])
    expect(() => mcpConfig({ ...tables, PUBLIC_PATH })).toThrow(/PUBLIC_PATH is/)
})

test('one error names every variable that is missing or wrong', () => {
  expect(() => mcpConfig({ ...tables, REQUEST_STATE_KEYS: 'short' })).toThrow(/less than 32/)
  expect(() => mcpConfig({ IDLE_TIMEOUT_SECONDS: 'soon', POLL_BUSY_MS: '0' })).toThrow(
    /REGISTRATION_TABLE is missing; SESSION_TABLE is missing; IDLE_TIMEOUT_SECONDS is "soon".*; POLL_BUSY_MS is "0"/,
  )
})

test('a rate limit has a burst, by default what a second admits', () => {
  const limitOf = (RATE_LIMIT: string) => mcpConfig({ ...tables, RATE_LIMIT }).rateLimit
  expect(limitOf('5')).toEqual({ perSecond: 5, burst: 5 })
  expect(limitOf('5,10')).toEqual({ perSecond: 5, burst: 10 })
  expect(limitOf('0.5')).toEqual({ perSecond: 0.5, burst: 1 })
  for (const text of ['0', '5,0', '-1', '5;10', '1001', '5,10001', '1e3', 'five'])
    expect(() => limitOf(text)).toThrow(`RATE_LIMIT is "${text}"`)
  expect(() => mcpConfig({ ...tables, RATE_LIMIT_FAILURE: 'shut' })).toThrow(
    'RATE_LIMIT_FAILURE is "shut": "open" or "closed" is expected',
  )
})

test('calls are logged at the level INFO and below', () => {
  const dropsEntries = (level: string) =>
    mcpConfig({ ...tables, AWS_LAMBDA_LOG_LEVEL: level }).dropsEntries
  expect(['DEBUG', 'INFO', 'WARN', 'FATAL'].map(dropsEntries)).toEqual([false, false, true, true])
})

test('metrics are off, on, or of each item too', () => {
  expect(mcpConfig({ ...tables, METRICS: 'items' }).metrics).toBe('items')
  expect(() => mcpConfig({ ...tables, METRICS: 'all' })).toThrow(
    'METRICS is "all": "off" or "on" or "items" is expected',
  )
})

test('a switch is on or off', () => {
  expect(mcpConfig({ ...tables, SERVER_PUSH: 'on' }).serverPush).toBe(true)
  expect(mcpConfig({ ...tables, SERVER_PUSH: 'off' }).serverPush).toBe(false)
  expect(() => mcpConfig({ ...tables, SERVER_PUSH: 'true' })).toThrow(/SERVER_PUSH is "true"/)
})

test('the owner is a role or a role-session name', () => {
  expect(mcpConfig({ ...tables, OWNER_BY: 'session-name' }).ownerBy).toBe('session-name')
  expect(() => mcpConfig({ ...tables, OWNER_BY: 'person' })).toThrow(
    'OWNER_BY is "person": "role" or "session-name" is expected',
  )
})

test('the registration function does not start without the functions that cannot be registered', () => {
  const environment = { REGISTRATION_TABLE: 'r', MCP_ROLE_ARN: 'arn', GRANT_CONDITION: 'principal' }
  expect(() => registrationConfig(environment)).toThrow('OWN_FUNCTIONS is missing')
  expect(registrationConfig({ ...environment, OWN_FUNCTIONS: 'a,b' }).ownFunctions).toEqual([
    'a',
    'b',
  ])
})
