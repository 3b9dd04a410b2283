import { expect, test } from 'vitest'

import { mcpConfig } from '../src/config.ts'

const tables = { REGISTRATION_TABLE: 'r', SESSION_TABLE: 's' }

test('a variable that is absent or empty has its default', () => {
  expect(mcpConfig({ ...tables, POLL_IDLE_MS: '' })).toEqual({
    registrationTable: 'r',
    sessionTable: 's',
    idleTimeoutSeconds: 120,
    heartbeatSeconds: 15,
    pollMs: { busy: 5, idle: 80 },
    allowedOrigins: [],
    requestStateKeys: [],
  })
})

test('reads the variables that are set', () => {
  expect(mcpConfig({ ...tables, HEARTBEAT_SECONDS: '0.5' }).heartbeatSeconds).toBe(0.5)
  expect(mcpConfig({ ...tables, ALLOWED_ORIGINS: 'a.example, b.example' }).allowedOrigins).toEqual([
    'a.example',
    'b.example',
  ])
})

test('accepts web pages as origins or as host names', () => {
  const ALLOWED_ORIGINS = 'https://a.example,http://localhost:5173,b.example'
  expect(mcpConfig({ ...tables, ALLOWED_ORIGINS }).allowedOrigins).toEqual([
    'a.example',
    'localhost',
    'b.example',
  ])
})

test('one error names every variable that is missing or wrong', () => {
  expect(() => mcpConfig({ ...tables, REQUEST_STATE_KEYS: 'short' })).toThrow(/less than 32/)
  expect(() => mcpConfig({ IDLE_TIMEOUT_SECONDS: 'soon', POLL_BUSY_MS: '0' })).toThrow(
    /REGISTRATION_TABLE is missing; SESSION_TABLE is missing; IDLE_TIMEOUT_SECONDS is "soon".*; POLL_BUSY_MS is "0"/,
  )
})
